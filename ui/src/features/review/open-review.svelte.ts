import { SvelteSet } from "svelte/reactivity";

import type { Acks, DecisionProgress, Host, ReviewChange, ReviewPane } from "../../host/host";
import { Loader } from "../../lib/load.svelte";
import { Reveals } from "./reveals.svelte";

/** A key or click meant for the item before does nothing to this one. */
export const DEAD_MS = 400;

/** The one review that is in the pane, and what happens to it meanwhile. */
export class OpenReview {
  readonly loader = new Loader<ReviewPane>();
  reviewId = $state<string | null>(null);
  /** Content that changed: the person has to see what before going on. */
  changed = $state.raw<ReviewChange | null>(null);
  /** The change that was put aside; this version is over, and it can be looked at again. */
  putAside = $state.raw<ReviewChange | null>(null);
  /** An end that came from elsewhere: expired, decided, withdrawn, or replaced by a change. */
  ended = $state.raw<ReviewChange | null>(null);
  /** How far this desk's own decision has come. */
  progress = $state.raw<DecisionProgress | null>(null);
  readonly pane: ReviewPane | null = $derived(this.loader.value.is === "there" ? this.loader.value.data : null);
  readonly isOver: boolean = $derived(
    this.ended !== null || this.progress !== null || (this.pane !== null && this.pane.state.kind !== "open"),
  );
  /** Evidence opened since the pane shows this item; what counts is Rust's list. */
  readonly openedHere = new SvelteSet<string>();
  /** Masked fields that are read for a moment. */
  readonly reveals: Reveals;
  readonly #host: Host;
  readonly #clock: () => number;
  #shownAt = Number.NEGATIVE_INFINITY;

  constructor(host: Host, clock: () => number = () => performance.now()) {
    this.#host = host;
    this.#clock = clock;
    this.reveals = new Reveals(
      host,
      () => (this.isOver ? null : this.pane),
      (pane) => this.loader.change((before) => ({ ...pane, draft: before.draft })),
    );
  }

  /** True for a moment after the pane changed its item. */
  isDead(): boolean {
    return this.#clock() - this.#shownAt < DEAD_MS;
  }

  async open(reviewId: string | null): Promise<void> {
    this.reveals.leave(this.reviewId);
    this.reviewId = reviewId;
    this.changed = null;
    this.putAside = null;
    this.ended = null;
    this.progress = null;
    this.openedHere.clear();
    this.#shownAt = this.#clock();
    if (reviewId === null) return;
    await this.loader.load(() => this.#host.openReview({ reviewId }));
    this.#shownAt = this.#clock();
  }

  async refresh(): Promise<void> {
    const reviewId = this.reviewId;
    if (reviewId === null) return;
    await this.loader.load(() => this.#host.openReview({ reviewId }), { keep: true });
  }

  /** Follows what the host tells; `onend` is called when the open item stops being decidable from here. */
  watch(onend: (change: ReviewChange) => void): () => void {
    const stops = [
      this.#host.on("reviewChanged", ({ reviewId, change }) => {
        if (reviewId === this.reviewId) this.#take(change, onend);
      }),
      this.#host.on("decisionProgress", (progress) => {
        if (progress.reviewId === this.reviewId) this.follow(progress);
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }

  /** Takes what is newer. An event may overtake the answer of the command that caused it. */
  follow(progress: DecisionProgress): void {
    this.reveals.leave(this.reviewId);
    const before = this.progress;
    if (
      before === null ||
      before.decisionId !== progress.decisionId ||
      reached(progress.acks) >= reached(before.acks)
    ) {
      this.progress = progress;
    }
  }

  /** Keeps the old version on screen, to be read and no longer decided. */
  stay(): void {
    this.putAside = this.changed;
    this.ended = this.changed;
    this.changed = null;
    void this.refresh();
  }

  /** What the sheet kept; the host has it too. */
  keepDraft(draft: string): void {
    this.loader.change((pane) => ({ ...pane, draft }));
  }

  #take(change: ReviewChange, onend: (change: ReviewChange) => void): void {
    this.reveals.leave(this.reviewId);
    switch (change.kind) {
      case "changed":
        this.changed = change;
        onend(change);
        break;
      case "expired":
      case "decided":
      case "withdrawn":
        // One's own decision comes back as "decided" too; it is already on screen step by step.
        if (this.progress !== null) return;
        this.ended = change;
        onend(change);
        break;
      case "delivered":
      case "executed":
        break;
    }
    if (change.kind !== "changed") void this.refresh();
  }

  #isLooking = false;

  /** By the clock the time is over: asks Rust, and ends the review when it says so. */
  async atDeadline(onend: (change: ReviewChange) => void): Promise<void> {
    const reviewId = this.reviewId;
    if (reviewId === null || this.#isLooking) return;
    this.#isLooking = true;
    const answer = await this.#host.openReview({ reviewId });
    this.#isLooking = false;
    if (answer.status !== "ok" || this.reviewId !== reviewId || this.isOver) return;
    const { kind, text, meaning } = answer.data.state;
    if (kind === "open") return;
    this.loader.change(() => answer.data);
    this.ended = { kind: "expired", text, meaning, newReviewId: null, diff: [] };
    onend(this.ended);
  }

  async noteOpened(evidenceId: string): Promise<void> {
    const reviewId = this.reviewId;
    const pane = this.pane;
    if (reviewId === null || pane === null || pane.state.kind !== "open") return;
    const answer = await this.#host.noteOpened({ reviewId, evidenceId });
    if (answer.status !== "ok" || this.reviewId !== reviewId) return;
    this.openedHere.add(evidenceId);
    await this.refreshBlockers();
  }

  /** What may be decided is Rust's to say. View and digest come together, so what is shown is what is signed. */
  async refreshBlockers(): Promise<void> {
    const reviewId = this.reviewId;
    if (reviewId === null) return;
    const answer = await this.#host.openReview({ reviewId });
    if (answer.status !== "ok" || this.reviewId !== reviewId) return;
    this.loader.change(() => answer.data);
  }
}

/** How many of the acknowledgements are true. */
function reached(acks: Acks): number {
  return Object.values(acks).filter((value) => value !== null).length;
}
