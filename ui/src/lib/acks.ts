import type { Acks } from "../host/host";
import { t } from "../messages/en";

export interface AckStep {
  name: string;
  at: string;
  state: "done" | "waiting" | "failed";
}

/** The four acknowledgements and the result, each only when it is true. `show` writes a moment. */
export function ackSteps(acks: Acks, show: (iso: string) => string): AckStep[] {
  const step = (name: string, at: string | null): AckStep => ({
    name,
    at: at === null ? t.acks.notYet : show(at),
    state: at === null ? "waiting" : "done",
  });
  const steps = [step(t.acks.saved, acks.savedAt), step(t.acks.recorded, acks.recordedAt)];
  if (acks.notCounted !== null) {
    return [...steps, { name: t.acks.notCounted, at: acks.notCounted, state: "failed" }];
  }
  steps.push(step(t.acks.counted, acks.countedAt), step(t.acks.delivered, acks.deliveredAt));
  if (acks.executed !== null) steps.push(resultStep(acks.executed));
  return steps;
}

function resultStep(text: string): AckStep {
  const hasFailed = /^failed\b/i.test(text);
  // Rust's sentence begins with the word that already names the step.
  const rest = text.replace(/^(executed|failed)\b[\s:,]*/i, "");
  return { name: hasFailed ? t.acks.failed : t.acks.executed, at: rest, state: hasFailed ? "failed" : "done" };
}
