// Parts from which the invented views are put together. Nothing here is real: no person, order, card or company.
import type { Evidence, Fact, TreeRow, View, Warning } from "./host";

/** The moment at which the invented desk stands still until a test or the page's clock moves it. */
export const NOW = "2026-11-22T10:42:00.000Z";

/** A moment relative to `NOW`. */
export function at(minutes: number): string {
  return new Date(Date.parse(NOW) + minutes * 60_000).toISOString();
}

/** 64 hexadecimal digits that differ by `seed`; they prove nothing. */
export function hex(seed: string): string {
  let state = 2_166_136_261;
  let text = "";
  for (let index = 0; index < 64; index += 1) {
    state = Math.imul(state ^ (seed.charCodeAt(index % seed.length) + index), 16_777_619) >>> 0;
    text += (state >>> 28).toString(16);
  }
  return text;
}

export const digest = (seed: string): { sha256: string } => ({ sha256: hex(seed) });

type Json = string | number | boolean | null | Masked | Json[] | { [name: string]: Json };
interface Masked {
  shown: string;
  mask: NonNullable<TreeRow["mask"]>;
}

export const masked = (shown: string, mask: Masked["mask"] = "full"): Masked => ({ shown, mask });

function isMasked(value: object): value is Masked {
  return "shown" in value && "mask" in value;
}

/** Flattens a value the way Rust does: document order, depth from 0, the root without a name. */
export function tree(value: Json, path: string, name = "", depth = 0): TreeRow[] {
  const row = (kind: TreeRow["kind"], text: string, count = 0): TreeRow => ({ depth, name, path, kind, text, count });
  if (value === null) return [row("null", "null")];
  if (typeof value === "string") return [row("string", value)];
  if (typeof value === "number") return [row("number", String(value))];
  if (typeof value === "boolean") return [row("boolean", String(value))];
  if (Array.isArray(value)) {
    const inner = value.flatMap((element, index) => tree(element, `${path}/${index}`, String(index), depth + 1));
    return [row("array", "", value.length), ...inner];
  }
  if (isMasked(value)) return [{ ...row("masked", value.shown), mask: value.mask }];
  const members = Object.entries(value);
  const inner = members.flatMap(([member, element]) => tree(element, `${path}/${member}`, member, depth + 1));
  return [row("object", "", members.length), ...inner];
}

export function fact(id: string, label: string, value: string, more: Partial<Fact> = {}): Fact {
  return { id, label, value, masked: value.includes("•"), path: `/payload/${id}`, confirm: false, ...more };
}

export function evidence(
  id: string,
  title: string,
  source: string,
  content: Json,
  more: Partial<Evidence> = {},
): Evidence {
  const rows = tree(content, `/toolOutputs/${id}`);
  return { id, title, source, at: at(-9), required: false, isError: false, described: true, rows, texts: [], ...more };
}

const EMPTY: View = {
  v: 1,
  nonce: "q0xkV3nT0m9sV1d2W5c7Xw",
  handoff: digest("statement"),
  handoffId: "01937f2a-6c10-7c3e-9a41-5d2f8b7c1e90",
  revision: 1,
  renderer: "seamark 0.1.0",
  contract: { name: "refund.issue", version: "1.2.0", digest: digest("refund.issue 1.2.0") },
  template: "refund.issue@1.2.0",
  templateDigest: digest("template"),
  locale: "en",
  title: "Issue a refund",
  ask: "",
  line: "",
  context: "",
  object: "",
  tier: "T1",
  why: [],
  source: "order-desk 2.3.1",
  destination: "refund-executor 3.0.1",
  audience: "https://refunds.example.com/exec",
  fallbackOwner: "refund-managers",
  correlationId: "case-41-0977",
  submittedAt: at(-6),
  expiresAt: at(240),
  branches: [],
  facts: [],
  rules: [],
  constraints: [],
  intent: null,
  taskState: { completed: [], inProgress: [], skipped: [], deferred: [] },
  evidence: [],
  evaluations: [],
  payload: [],
  chain: [],
  narrative: null,
  warnings: [],
  rejectReasons: [
    { code: "amount-wrong", text: "Amount is wrong" },
    { code: "wrong-payee", text: "Wrong payee" },
    { code: "policy", text: "Policy forbids it" },
    { code: "other", text: "Other" },
  ],
  escalationTargets: ["refund-managers", "finance-oncall"],
  disclosed: [],
};

export function view(id: string, more: Partial<View>): View {
  const contract = more.contract ?? EMPTY.contract;
  return {
    ...EMPTY,
    handoff: digest(`statement ${id}`),
    handoffId: `01937f2a-${hex(id).slice(0, 4)}-7c3e-9a41-${hex(id).slice(4, 16)}`,
    template: `${contract.name}@${contract.version}`,
    ...more,
  };
}

export const contract = (name: string, version: string) => ({ name, version, digest: digest(`${name} ${version}`) });

/** What is said of a name that nobody had and that imitates a known one. */
export function looksLikeKnown(path: string): Warning[] {
  const alike =
    "This looks like a value that was approved or passed on here before, but is written with other characters. Its characters outside of ASCII: о [U+043E].";
  const first = "No handoff with this value was approved or passed on here before.";
  return [
    { code: "look-alike", path, text: alike },
    { code: "first-seen", path, text: first },
  ];
}
