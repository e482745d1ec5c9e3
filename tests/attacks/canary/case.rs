//! A contract with masks of every kind and a handoff full of secrets.

use seamark_contracts::clock::{Chance as _, SeededChance};
use seamark_contracts::id::HandoffId;
use seamark_desk::clock::{SystemChance, SystemClock};
use serde_json::{Map, Value, json};

/// How many secrets are planted.
pub const N_SECRETS: usize = 60;

pub const CONTRACT: &str = r#"
seamark: contract/v1
name: canary.case
version: 1.0.0
title: Answer a case
owner: { model: downstream, team: desk, contact: desk@shop.example, escalation: [managers], runbook: "https://shop.example/runbook" }
fallback_owner: managers
source: { agent: order-desk, versions: ">=1, <9" }
destination: { agent: case-executor, versions: ">=1, <9", audience: "https://cases.shop.example/answer" }
payload:
  type: object
  required: [amount, customer, card]
  properties:
    amount: { type: string, format: decimal }
    note: { type: string }
    card: { type: object, required: [number], properties: { number: { type: string, mask: pan-bin6-last4 }, other: { type: string, mask: pan-bin6-last4 } } }
    customer:
      type: object
      required: [name, email]
      properties:
        name: { type: string, mask: full }
        email: { type: string, mask: email-domain }
        second: { type: string, mask: email-domain }
        account: { type: string, mask: last4 }
        iban: { type: string, mask: last4 }
        remark: { type: string, mask: scrub }
        born: { type: string, mask: date-year }
    names: { type: array, items: { type: string, mask: full } }
    numbers: { type: array, items: { type: string, mask: last4 } }
    mails: { type: array, items: { type: string, mask: email-domain } }
    file: { type: object, mask: full }
tool_outputs:
  lookup:
    tool: orders.get
    title: The order
    text: full
    schema:
      type: object
      required: [total]
      properties:
        total: { type: string, format: decimal }
        owner: { type: string, mask: full }
        paid_with: { type: string, mask: pan-bin6-last4 }
        phone: { type: string, mask: last4 }
must:
  - { id: amount-known, rule: 'payload.amount != "0.00"', says: "{customer.email} and {customer.name} get nothing back." }
watch:
  - { id: within, rule: 'decimal(payload.amount) <= decimal(tool_outputs.lookup.total)', says: "{customer.name} paid {tool_outputs.lookup.total}." }
carry: [intent, constraints, tool_outputs.lookup]
gate:
  when: 'decimal(payload.amount) > decimal("1.00")'
  tier: '"T1"'
  decide: { roles: [reviewer], quorum: 1 }
  expires_after: PT4H
  on_expiry: reject
  reveal: { roles: [compliance], fields: [/payload/customer/email] }
review:
  ask: "Pay {amount} back to the card {card.number} of {customer.name}?"
  line: "Pay {amount} to card {card.number}"
  context: "Customer {customer.email}"
  object: "payment of {amount} to {customer.account}"
  approve: "{destination} pays {amount} to {customer.name}."
  reject: "Nothing is paid to {customer.email}."
  escalate: "Managers decide about {customer.name}."
  no_answer: "It is rejected."
  compare:
    - { label: Amount, value: "{amount}", path: /payload/amount, confirm: true, with: { path: /toolOutputs/lookup/total, is: same_or_less, says: "{tool_outputs.lookup.owner} paid {tool_outputs.lookup.total}." } }
    - { label: Card, value: "{card.number}", path: /payload/card/number, with: { path: /toolOutputs/lookup/paid_with, is: same, says: "Paid with {tool_outputs.lookup.paid_with}." } }
    - { label: Customer, value: "{customer.email}", path: /payload/customer/email, with: { path: /payload/customer/iban, is: shown, says: "{customer.iban}" } }
  reasons: { reject: [{ code: other, text: "Another reason" }] }
retention: P7Y
"#;

/// The secrets: those of the handoff first, then one for each submission that is refused.
pub struct Case {
    /// The one that is revealed; the whole address.
    pub email: String,
    words: Vec<String>,
    digits: Vec<String>,
}

const N_WORDS: usize = 53;
const N_DIGITS: usize = 7;

impl Case {
    pub fn new() -> Self {
        let chance = SeededChance::new(60);
        let letters = |n: usize, alphabet: &[u8]| -> String {
            let mut bytes = vec![0u8; n];
            chance.fill(&mut bytes);
            bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
        };
        let words: Vec<String> = (0..N_WORDS).map(|_| letters(18, b"abcdefghijkmnpqrstuvwxyz")).collect();
        let digits = (0..N_DIGITS).map(|_| format!("4{}", letters(15, b"0123456789"))).collect();
        Self { email: format!("{}@post.example", words[0]), words, digits }
    }

    /// What is looked for. Of an address the part that its mask hides.
    pub fn secrets(&self) -> Vec<String> {
        self.words.iter().chain(&self.digits).cloned().collect()
    }

    fn word(&self, index: usize) -> &str {
        &self.words[index]
    }

    fn mail(&self, index: usize) -> String {
        format!("{}@post.example", self.word(index))
    }

    /// Words from `from` on.
    fn some(&self, from: usize, n: usize) -> Vec<&str> {
        self.words[from..from + n].iter().map(String::as_str).collect()
    }

    /// A good handoff with 52 secrets, under a new id.
    pub fn handoff(&self) -> Value {
        let mails: Vec<String> = (25..30).map(|index| self.mail(index)).collect();
        let file: Map<String, Value> = self.some(35, 3).iter().map(|word| (format!("key {word}"), json!(1))).collect();
        let mut payload = json!({
            "amount": "14.00", "note": format!("Call {} first", self.word(1)),
            "card": { "number": self.digits[0], "other": self.digits[1] },
            "customer": {
                "name": self.word(1), "email": self.email, "second": self.mail(2), "account": self.word(3), "iban": self.word(4),
                "remark": format!("{} is kind, write to {}", self.word(1), self.email), "born": format!("1990-04-05T{}", self.word(5)),
            },
            "names": self.some(6, 10), "numbers": self.some(16, 9), "mails": mails, "file": file,
        });
        // What nobody described is hidden whole.
        payload["undescribed"] = json!({ "deep": self.some(30, 5) });
        json!({
            "handoffId": HandoffId::make(seamark_contracts::clock::Clock::now(&SystemClock), &SystemChance),
            "correlationId": "case-1",
            "source": { "agent": "urn:seamark:agent:order-desk", "version": "2.0.0" },
            "destination": { "agent": "urn:seamark:agent:case-executor", "version": "*" },
            "contract": { "name": "canary.case", "version": "1.0.0" },
            "taskState": { "completed": [{ "id": "s1", "title": "Look it up" }], "inProgress": [], "skipped": [], "deferred": [] },
            "intent": { "at": "2026-11-20T09:15:00.000Z", "text": format!("I am {}, pay to {} please, {}.", self.word(1), self.digits[0], self.email) },
            "constraints": [{ "id": "c1", "origin": "user", "text": "original card only" }],
            "toolOutputs": [
                { "id": "lookup", "tool": "orders.get", "at": "2026-11-20T09:13:10.000Z", "args": { "query": self.word(38) }, "result": {
                    "isError": false, "content": [{ "type": "text", "text": format!("Order of {}", self.word(39)) }],
                    "structuredContent": { "total": "20.00", "owner": self.word(40), "paid_with": self.digits[2], "phone": self.word(41), "more": self.word(42) },
                } },
                { "id": "dump", "tool": "crm.dump", "at": "2026-11-20T09:13:11.000Z", "args": { "q": self.word(43) }, "result": {
                    "isError": false, "content": [{ "type": "text", "text": self.word(44) }], "structuredContent": { "all": [self.word(45), self.digits[3]] },
                } },
                { "id": "broken", "tool": "crm.read", "at": "2026-11-20T09:13:12.000Z", "result": {
                    "isError": true, "content": [{ "type": "text", "text": format!("no such person {}", self.digits[4]) }],
                } },
            ],
            "payload": payload,
            "narrative": { "text": format!("{} ({}) is waiting, card {}.", self.word(1), self.email, self.digits[0]) },
            "submittedAt": "2026-11-20T09:15:30.000Z",
        })
    }

    /// Submissions that are refused, each with a secret of its own where none may be.
    pub fn faulty(&self) -> Vec<(&'static str, Vec<u8>)> {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut body = self.handoff();
            change(&mut body);
            body.to_string().into_bytes()
        };
        let (card, account) = (&self.digits[5], &self.digits[6]);
        let malformed = format!("{{\"handoffId\":\"{}\",,}}", self.word(46)).into_bytes();
        vec![
            ("refused: not JSON", malformed),
            (
                "refused: a card that is none",
                with(&|body| body["payload"]["card"]["number"] = json!(format!("{card}x"))),
            ),
            (
                "refused: a member name",
                with(&|body| body["payload"]["customer"]["email"] = json!({ self.word(47): 1 })),
            ),
            (
                "refused: a hidden value in a constraint",
                with(&|body| {
                    body["payload"]["customer"]["name"] = json!(self.word(48));
                    body["constraints"][0]["text"] = json!(format!("only for {}", self.word(48)));
                }),
            ),
            // Names of members are told to whoever sent them (FORMATS.md, section 4.5); what they hold is not.
            ("refused: an unknown member", with(&|body| body["customerName"] = json!(self.word(49)))),
            (
                "refused: a hidden value in the correlation id",
                with(&|body| {
                    body["payload"]["customer"]["account"] = json!(account);
                    body["correlationId"] = json!(format!("case-{account}"));
                }),
            ),
            (
                "refused: a broken rule that names hidden fields",
                with(&|body| {
                    body["payload"]["amount"] = json!("0.00");
                    body["payload"]["customer"]["name"] = json!(self.word(50));
                }),
            ),
            (
                "refused: a carried answer of another form",
                with(&|body| {
                    body["toolOutputs"][0]["result"]["structuredContent"] = json!({ "total": [self.word(51)] })
                }),
            ),
            ("refused: a time that is none", with(&|body| body["submittedAt"] = json!(self.word(52)))),
        ]
    }
}
