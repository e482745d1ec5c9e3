// What a decision needs before it can be signed. Rust asks the same again; this only spares the way there.
import type { AppErrorCode, DecisionKind, Fact, ReviewPane, Tier } from "../../host/host";
import { t } from "../../messages/en";
import type { Draft } from "./draft";

/** At T3 and above the reason is in one's own words, this long at least. */
export const REASON_LENGTH = 15;

export function isHigh(tier: Tier): boolean {
  return tier === "T3" || tier === "T4";
}

/** The values that have to be typed: only to approve. */
export function toConfirm(pane: ReviewPane, kind: DecisionKind): Fact[] {
  return kind === "approve" && isHigh(pane.view.tier) ? pane.view.facts.filter((fact) => fact.confirm) : [];
}

/** A field of the sheet: `code`, `text`, `to`, `question`, `pin`, or `confirm:FACT`. */
export interface Problem {
  field: string;
  text: string;
}

export interface Filled {
  draft: Draft;
  confirmed: Readonly<Record<string, string>>;
  pin: string;
  isPinNeeded: boolean;
}

export function problemsOf(pane: ReviewPane, kind: DecisionKind, filled: Filled): Problem[] {
  const { draft, confirmed, pin, isPinNeeded } = filled;
  const need = t.sheet.need;
  const found: Problem[] = [];
  const missing = (isMissing: boolean, field: string, text: string): void => {
    if (isMissing) found.push({ field, text });
  };
  for (const fact of toConfirm(pane, kind)) {
    missing((confirmed[fact.id] ?? "").trim() === "", `confirm:${fact.id}`, need.confirm(fact.label));
  }
  if (kind === "reject") missing(pane.view.rejectReasons.length > 0 && draft.code === "", "code", need.reason);
  if (kind === "escalate") {
    missing(draft.to === "", "to", need.to);
    missing(draft.question.trim() === "", "question", need.question);
  } else if (isHigh(pane.view.tier)) {
    missing(draft.text.trim().length < REASON_LENGTH, "text", need.note(REASON_LENGTH));
  }
  missing(isPinNeeded && pin === "", "pin", need.pin);
  return found;
}

/** Where a refusal is shown: at a field, over the sheet, or because the review itself is no longer the same. */
export function placeOf(code: AppErrorCode, field: string | null): { field: string } | "sheet" | "review" {
  switch (code) {
    case "pin-wrong":
    case "pin-needed":
    case "pin-locked-out":
    case "pin-weak":
      return { field: "pin" };
    case "confirm-mismatch":
      return field === null ? "sheet" : { field: `confirm:${field}` };
    case "reason-missing":
      return { field: field ?? "text" };
    case "view-changed":
    case "expired":
    case "withdrawn":
    case "superseded":
    case "already-decided":
    case "evidence-missing":
      return "review";
    case "keyring-locked":
    case "keyring-missing":
    case "offline":
    case "gateway-refused":
    case "invitation-invalid":
    case "address-unreachable":
    case "fingerprint-mismatch":
    case "not-candidate":
    case "cannot-verify":
    case "not-allowed":
    case "rate-limited":
    case "reveal-mismatch":
    case "ledger-broken":
    case "not-found":
    case "storage-failed":
    case "already-set-up":
    case "internal":
      return "sheet";
  }
}
