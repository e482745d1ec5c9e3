// Warnings belong beside the text they are about.
import type { Evidence, Fact, View, Warning } from "../host/host";

const PLACES = ["/intent", "/narrative", "/payload", "/constraints", "/taskState", "/toolOutputs"];

function isUnder(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

export function warningsUnder(warnings: readonly Warning[], prefix: string): Warning[] {
  return warnings.filter((warning) => isUnder(warning.path, prefix));
}

/** Those of exactly the value that a fact shows. */
export function factWarnings(warnings: readonly Warning[], fact: Fact): Warning[] {
  return fact.path == null ? [] : warnings.filter((warning) => warning.path === fact.path);
}

/** Those of the payload that stand beside no fact. */
export function payloadWarnings(view: View): Warning[] {
  const beside = new Set(view.facts.map((fact) => fact.path));
  return warningsUnder(view.warnings, "/payload").filter((warning) => !beside.has(warning.path));
}

/** Those that no section of the pane would show. */
export function unplacedWarnings(warnings: readonly Warning[]): Warning[] {
  return warnings.filter((warning) => !PLACES.some((place) => isUnder(warning.path, place)));
}

/** Those of one piece of evidence: tool outputs are counted in the order in which they came. */
export function evidenceWarnings(view: View, piece: Evidence): Warning[] {
  const outputs = view.evidence.filter((other) => other.artifact == null);
  const index = outputs.indexOf(piece);
  return index < 0 ? [] : warningsUnder(view.warnings, `/toolOutputs/${index}`);
}
