// Masked fields of the invented host: recorded, shown, copied and masked again, or refused as told.
//
// Scenarios: reveal-denied, reveal-limited, reveal-offline, reveal-mismatch, reveal-over, reveal-short (masked again after
// 600 ms). The purpose text "slow" is answered when the window has looked away.
import { refuse, ok } from "./fake-scenario";
import type { Answer, Host, ReviewPane } from "./host";

type RevealCommands = Pick<Host, "revealField" | "revealedText" | "copyRevealed" | "maskAgain">;

interface Surroundings {
  told: ReadonlySet<string>;
  answer: <T>(name: string, request: unknown, work: () => Answer<T>) => Promise<Answer<T>>;
  /** The pane as it is now. */
  paneNow: (reviewId: string) => ReviewPane | null;
  /** From now on the view of a review names this. */
  disclose: (reviewId: string, digest: string) => void;
}

const REFUSALS = {
  "reveal-denied": [
    "not-allowed",
    "You may not read this field. Nothing was revealed. Decide without it, or escalate.",
  ],
  "reveal-limited": [
    "rate-limited",
    "You have asked for as many masked fields as one person may. Nothing was revealed. Again in 8 min.",
  ],
  "reveal-offline": ["offline", "A masked field can be read only while the gateway is reached. Nothing was revealed."],
  "reveal-mismatch": [
    "reveal-mismatch",
    "The gateway answered with a value that is not the one in the signed handoff, so it is not shown. Do not decide this.",
  ],
  "reveal-over": ["expired", "The deadline has passed. Nothing was revealed."],
} as const;

/** The invented values. */
export const VALUE = "mia.field@example.com";

export function revealCommands({ told, answer, paneNow, disclose }: Surroundings): RevealCommands {
  const held = new Map<string, string>();
  const key = (r: { reviewId: string; path: string }) => `${r.reviewId} ${r.path}`;
  const gone = () => refuse("not-found", "The field is masked again. Reveal it anew if you still need it.");
  return {
    revealField: (r) =>
      answer("revealField", r, () => {
        const refusal = Object.entries(REFUSALS).find(([name]) => told.has(name))?.[1];
        if (refusal !== undefined) return refuse(refusal[0], refusal[1]);
        held.set(key(r), VALUE);
        disclose(r.reviewId, "6K3y0000000000000000000000000000000000000");
        const pane = paneNow(r.reviewId);
        if (pane === null) return gone();
        const field = { path: r.path, remainingMs: told.has("reveal-short") ? 600 : 30_000, isCopied: false };
        return ok({ field, pane });
      }),
    revealedText: (r) =>
      answer("revealedText", r, () => {
        const text = held.get(key(r));
        return text === undefined ? gone() : ok(text);
      }),
    copyRevealed: (r) => answer("copyRevealed", r, () => (held.has(key(r)) ? ok(null) : gone())),
    maskAgain: (r) =>
      answer("maskAgain", r, () => {
        for (const one of [...held.keys()]) {
          const isIt = r.path === null ? one.startsWith(`${r.reviewId} `) : one === `${r.reviewId} ${r.path}`;
          if (isIt) held.delete(one);
        }
        return ok(null);
      }),
  };
}
