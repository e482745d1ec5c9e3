// What has been typed in a sheet survives closing it. The signing PIN and confirmed values never go in.
import type { DecisionKind } from "../../host/host";

export interface Draft {
  code: string;
  text: string;
  to: string;
  question: string;
}

export const EMPTY_DRAFT: Draft = { code: "", text: "", to: "", question: "" };

/** One draft for each kind of decision, in the one text that the host keeps. */
export function readDraft(stored: string, kind: DecisionKind): Draft {
  const all = parse(stored);
  const part = typeof all === "object" && all !== null && kind in all ? Object.entries(all) : [];
  const found: unknown = part.find(([name]) => name === kind)?.[1];
  if (typeof found !== "object" || found === null) return { ...EMPTY_DRAFT };
  const entries = new Map<string, unknown>(Object.entries(found));
  const text = (name: keyof Draft): string => {
    const value = entries.get(name);
    return typeof value === "string" ? value : "";
  };
  return { code: text("code"), text: text("text"), to: text("to"), question: text("question") };
}

/** The stored text with this kind's draft put in. */
export function writeDraft(stored: string, kind: DecisionKind, draft: Draft): string {
  const all = parse(stored);
  const rest = typeof all === "object" && all !== null ? all : {};
  return JSON.stringify({ ...rest, [kind]: draft });
}

function parse(stored: string): unknown {
  try {
    return JSON.parse(stored);
  } catch {
    return null;
  }
}
