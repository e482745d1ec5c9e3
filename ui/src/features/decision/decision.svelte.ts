import type {
  AppError,
  AppState,
  DecideRequest,
  DecisionKind,
  DecisionProgress,
  Host,
  ReviewPane,
} from "../../host/host";
import { EMPTY_DRAFT, readDraft, writeDraft, type Draft } from "./draft";
import { isHigh, placeOf, problemsOf, toConfirm, type Problem } from "./needs";

/** How far the sheet is. After `signing` the host's progress goes on; the page claims nothing by itself. */
export type Stage =
  | {
      is: "confirming";
      problems: readonly Problem[];
      /** Looks again at what the page itself found missing; null for what Rust refused. */
      filledNow: (() => readonly Problem[]) | null;
      error: AppError | null;
    }
  | { is: "signing" }
  | { is: "saved"; progress: DecisionProgress };

/** One decision while its sheet is open: bound to the pane with which it was opened. */
export class Decision {
  stage = $state.raw<Stage>({ is: "confirming", problems: [], filledNow: null, error: null });
  draft = $state<Draft>({ ...EMPTY_DRAFT });
  confirmed = $state<Record<string, string>>({});
  pin = $state("");
  readonly kind: DecisionKind;
  readonly pane: ReviewPane;
  readonly #host: Host;

  constructor(host: Host, pane: ReviewPane, kind: DecisionKind) {
    this.#host = host;
    this.pane = pane;
    this.kind = kind;
    this.draft = readDraft(pane.draft, kind);
    const [only, second] = pane.view.escalationTargets;
    if (kind === "escalate" && only !== undefined && second === undefined) this.draft.to = only;
    for (const fact of toConfirm(pane, kind)) this.confirmed[fact.id] = "";
  }

  isPinNeeded(signing: AppState["signing"]): boolean {
    return isHigh(this.pane.view.tier) || signing.state !== "unlocked";
  }

  /** What stood in the way at the last try and still does: what was filled in since is no longer complained about. */
  get problems(): readonly Problem[] {
    if (this.stage.is !== "confirming") return [];
    const { problems, filledNow } = this.stage;
    if (filledNow === null) return problems;
    const left = filledNow();
    return problems.filter(({ field, text }) => left.some((one) => one.field === field && one.text === text));
  }

  problemAt(field: string): string | null {
    return this.problems.find((problem) => problem.field === field)?.text ?? null;
  }

  /** Keeps what was typed, for the next time the sheet is opened; answers the text that is kept. */
  keepDraft(): string {
    const text = writeDraft(this.pane.draft, this.kind, this.draft);
    void this.#host.saveDraft({ reviewId: this.pane.reviewId, text });
    return text;
  }

  /** Asks Rust to sign. Answers whether the review itself has to be read again. */
  async sign(signing: AppState["signing"]): Promise<"saved" | "stay" | "review"> {
    if (this.stage.is !== "confirming") return "stay";
    const isPinNeeded = this.isPinNeeded(signing);
    const filledNow = (): readonly Problem[] => {
      const { draft, confirmed, pin } = this;
      return problemsOf(this.pane, this.kind, { draft, confirmed, pin, isPinNeeded });
    };
    const problems = filledNow();
    if (problems.length > 0) {
      this.stage = { is: "confirming", problems, filledNow, error: null };
      return "stay";
    }
    this.stage = { is: "signing" };
    const answer = await this.#host.decide(this.#request(isPinNeeded));
    this.pin = "";
    if (answer.status === "ok") {
      this.stage = { is: "saved", progress: answer.data };
      return "saved";
    }
    const { error } = answer;
    const place = placeOf(error.code, error.field);
    const atField = typeof place === "object" ? [{ field: place.field, text: error.message }] : [];
    this.stage = { is: "confirming", problems: atField, filledNow: null, error: atField.length === 0 ? error : null };
    return place === "review" ? "review" : "stay";
  }

  #request(isPinNeeded: boolean): DecideRequest {
    const { draft, kind, pane } = this;
    const isEscalation = kind === "escalate";
    return {
      reviewId: pane.reviewId,
      // The digest of exactly what was on screen; Rust refuses any other.
      viewDigest: pane.viewDigest,
      decision: kind,
      reason: {
        code: kind === "reject" && draft.code !== "" ? draft.code : "none",
        text: isEscalation ? "" : draft.text.trim(),
      },
      escalation: isEscalation ? { to: draft.to, question: draft.question.trim() } : null,
      confirmed: toConfirm(pane, kind).map((fact) => ({
        fact: fact.id,
        value: (this.confirmed[fact.id] ?? "").trim(),
      })),
      pin: isPinNeeded ? this.pin : null,
    };
  }
}
