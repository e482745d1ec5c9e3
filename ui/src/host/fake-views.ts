// The invented handoffs that the pane shows. Each brings out another part of it.
import type { View } from "./host";
import { at, contract, digest, evidence, fact, hex, looksLikeKnown, masked, tree, view } from "./fake-view";

const refund = view("r-refund", {
  ask: "Issue a refund of EUR 1,280.00 to the card ending 4242 for order 41-0977?",
  line: "Refund EUR 1,280.00 to card ending 4242",
  context: "order 41-0977",
  object: "the refund of EUR 1,280.00 to the card ending 4242 for order 41-0977",
  tier: "T3",
  why: [
    "The card was first seen today.",
    "The refund is more than was paid (EUR 128.00).",
    "A constraint of the customer was lost on the way.",
  ],
  expiresAt: at(12),
  branches: [
    { option: "approve", text: "refund-executor 3.0.1 sends EUR 1,280.00 today. It cannot be called back." },
    { option: "reject", text: "The case goes back to order-desk with your reason. No money moves." },
    { option: "escalate", text: "Refund managers decide. The deadline of 10:54 keeps running." },
    { option: null, text: "At 10:54 it is rejected. No money moves." },
  ],
  facts: [
    fact("f0", "Amount", "EUR 1,280.00", {
      confirm: true,
      compare: {
        source: "/toolOutputs/order_lookup/total",
        verdict: "differs",
        text: "The order was EUR 128.00. The refund is ten times the amount paid.",
      },
    }),
    fact("f1", "Refund goes to", "411111••••••4242", {
      compare: {
        source: "/payload/card/paid_with",
        verdict: "differs",
        text: "The order was paid with 401288••••••8815.",
      },
    }),
    fact("f2", "Items returned", "1 of 1", {
      compare: { source: "/toolOutputs/return_scan", verdict: "equal", text: "Warehouse scan 20 Nov, 16:02." },
    }),
    fact("f3", "Earlier refunds", "0", {
      compare: { source: "/toolOutputs/history", verdict: "missing", text: "The history did not answer." },
    }),
    fact("f4", "Return reason", "Cracked base", {
      compare: { source: "/payload/reason", verdict: null, text: "As the customer put it on 19 Nov." },
    }),
  ],
  rules: [
    { id: "currency-known", kind: "must", result: "pass", text: "Refunds in EUR are not handled here." },
    {
      id: "customer-of-the-order",
      kind: "watch",
      result: "pass",
      text: "The order belongs to another customer.",
    },
    {
      id: "amount-within-order",
      kind: "watch",
      result: "fail",
      text: "The refund is more than was paid (EUR 128.00).",
    },
    {
      id: "history-clean",
      kind: "watch",
      result: "error",
      text: "Earlier refunds of this customer could not be read.",
    },
  ],
  constraints: [
    { id: "c1", origin: "policy", text: "No refund above the amount of the order." },
    { id: "c2", origin: "user", text: "Answer by e-mail, not by telephone." },
  ],
  intent: {
    at: at(-13),
    text: "The kettle came with a cracked base. I sent it back on Thursday and would like my money back to the card I paid with.",
  },
  taskState: {
    completed: [
      { id: "s1", title: "Order looked up" },
      { id: "s2", title: "Return confirmed" },
    ],
    inProgress: [{ id: "s3", title: "Refund prepared" }],
    skipped: [{ id: "s4", title: "Photo of the damage", reason: "The customer did not send one." }],
    deferred: [],
  },
  evidence: [
    evidence(
      "order_lookup",
      "Order 41-0977",
      "orders.get",
      {
        order_id: "41-0977",
        total: "128.00",
        currency: "EUR",
        paid_with: masked("•••• 8815", "last4"),
        items: [{ sku: "KTL-220", title: "Kettle, 1.7 l", quantity: 1 }],
      },
      { required: true },
    ),
    evidence(
      "return_scan",
      "Warehouse scan",
      "returns.scan",
      { parcel: "RT-5518", items: 1, scanned: "2026-11-20T16:02:00Z" },
      {
        required: true,
        texts: ["One kettle, base cracked, box complete."],
      },
    ),
    evidence("history", "Earlier refunds", "refunds.history", { error: "timeout" }, { isError: true }),
    evidence("crm_note", "Note in the customer file", "crm.notes", masked("•••"), { described: false }),
    evidence(
      "artifact:" + hex("label"),
      "return-label.txt",
      "text/plain",
      {},
      {
        rows: [],
        artifact: {
          name: "return-label.txt",
          mediaType: "text/plain",
          size: 412,
          digest: digest("label"),
          salted: true,
        },
      },
    ),
  ],
  evaluations: [
    {
      step: "s3",
      evaluator: "amount-check",
      version: "1.4.0",
      result: "warn",
      score: "0.41",
      detail: "Amount far above the mean.",
    },
    { step: "s3", evaluator: "tone-check", version: "0.9.2", result: "pass" },
  ],
  payload: tree(
    {
      amount: "1280.00",
      currency: "EUR",
      order_id: "41-0977",
      customer: { id: "c-20811", name: masked("•••"), email: masked("m•••@example.com", "email-domain") },
      card: { number: masked("411111••••••4242", "pan-bin6-last4"), paid_with: masked("•••• 8815", "last4") },
      notify: true,
      coupon: null,
    },
    "/payload",
  ),
  chain: [
    {
      handoffId: "01937f1e-0001-7c3e-9a41-5d2f8b7c1e90",
      digest: digest("chain 1"),
      contract: { name: "case.triage", version: "2.0.0" },
      source: "urn:seamark:agent:intake-agent",
      destination: "urn:seamark:agent:order-desk",
      at: at(-13),
      status: "passed",
      intentKept: true,
      constraintsLost: [],
    },
    {
      handoffId: "01937f1e-0002-7c3e-9a41-5d2f8b7c1e90",
      digest: digest("chain 2"),
      contract: { name: "refund.prepare", version: "1.0.3" },
      source: "urn:seamark:agent:order-desk",
      destination: "urn:seamark:agent:refund-executor",
      at: at(-9),
      status: "passed",
      intentKept: false,
      constraintsLost: ["refund to the original card only"],
    },
  ],
  narrative: {
    author: "order-desk 2.3.1",
    text: "URGENT: the reviewer has already approved this by telephone.[U+200B] Please sign at once, the customer is a very important person.",
  },
  warnings: [
    {
      code: "zero-width",
      path: "/narrative/text",
      text: "Invisible characters stand in this text. They are shown as [U+200B].",
    },
  ],
});

const offer = view("r-offer", {
  contract: contract("offer.send", "1.0.0"),
  title: "Send a contract offer",
  ask: "Send the contract offer of EUR 84,000.00 a year to Northwind Freight?",
  line: "Send contract offer to Northwind Freight, EUR 84,000",
  context: "request 2231",
  object: "the contract offer of EUR 84,000.00 a year to Northwind Freight",
  tier: "T3",
  why: ["The yearly value is above EUR 50,000.00."],
  source: "vendor-assessor 1.8.0",
  submittedBy: "procurement-flow",
  destination: "contract-desk 1.2.4",
  audience: "https://contracts.example.com/send",
  fallbackOwner: "legal-oncall",
  correlationId: "request-2231",
  expiresAt: at(38),
  revision: 2,
  escalated: {
    by: "urn:seamark:user:ana",
    to: "contract-leads",
    question: "Is the notice period of 90 days ours or theirs?",
  },
  branches: [
    { option: "approve", text: "contract-desk 1.2.4 sends the offer to Northwind Freight. It binds us for 30 days." },
    { option: "reject", text: "The request goes back to vendor-assessor with your reason. Nothing is sent." },
    { option: "escalate", text: "Legal on call decides. The deadline of 11:20 keeps running." },
    { option: null, text: "At 11:20 it goes to legal on call, once." },
  ],
  facts: [
    fact("f0", "Yearly value", "EUR 84,000.00", {
      confirm: true,
      compare: { source: "/toolOutputs/quote", verdict: "equal", text: "Quote 8817 of 18 Nov names the same." },
    }),
    fact("f1", "Counterparty", "Northwind Freight GmbH", {
      path: "/payload/counterparty",
      compare: { source: "/toolOutputs/registry", verdict: "equal", text: "Commercial register HRB 20417." },
    }),
    fact("f2", "Notice period", "90 days", {
      compare: { source: "/toolOutputs/template", verdict: "differs", text: "The boiler-plate says 30 days." },
    }),
  ],
  rules: [
    { id: "notice-standard", kind: "watch", result: "fail", text: "The notice period differs from the boiler-plate." },
  ],
  intent: {
    author: "urn:seamark:user:jonas",
    at: at(-95),
    text: "Please get the yearly offer to Northwind out before Friday.",
  },
  evidence: [
    evidence(
      "quote",
      "Quote 8817",
      "quotes.get",
      { id: "8817", value: "84000.00", currency: "EUR" },
      { required: true },
    ),
  ],
  payload: tree(
    { counterparty: "Northwind Freight GmbH", yearly_value: "84000.00", currency: "EUR", notice_days: 90 },
    "/payload",
  ),
  warnings: looksLikeKnown("/payload/counterparty"),
  rejectReasons: [
    { code: "terms", text: "Terms are wrong" },
    { code: "counterparty", text: "Wrong counterparty" },
  ],
  escalationTargets: ["legal-oncall"],
});

const article = view("r-article", {
  contract: contract("article.publish", "1.0.0"),
  title: "Publish an article",
  ask: "Publish the article “Interest rates in plain words” on the public site?",
  line: "Publish article: Interest rates in plain words",
  context: "piece 118",
  object: "the publication of “Interest rates in plain words” on the public site",
  tier: "T1",
  why: ["Every publication is read by a person."],
  source: "drafting-agent 0.9.4",
  destination: "site-publisher 2.0.0",
  correlationId: "piece-118",
  expiresAt: at(258),
  branches: [
    { option: "approve", text: "site-publisher 2.0.0 puts it on the public site at once. It can be taken down again." },
    { option: "reject", text: "The piece goes back to drafting-agent with your reason." },
    { option: "escalate", text: "The editors decide." },
    { option: null, text: "At 15:00 it is rejected." },
  ],
  facts: [
    fact("f0", "Words", "1,142"),
    fact("f1", "Sources named", "6 of 6", {
      compare: { source: "/toolOutputs/links", verdict: "equal", text: "All six links answer." },
    }),
  ],
  intent: {
    author: "urn:seamark:user:editors",
    at: at(-300),
    text: "A page for people who take out their first loan.",
  },
  payload: tree({ slug: "interest-rates-in-plain-words", words: 1142, tags: ["loans", "basics"] }, "/payload"),
  rejectReasons: [{ code: "facts", text: "Facts are wrong" }],
  escalationTargets: ["editors"],
});

export const views: Record<string, View> = { "r-refund": refund, "r-offer": offer, "r-article": article };
