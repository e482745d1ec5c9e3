import { getContext, setContext } from "svelte";
import { SvelteMap } from "svelte/reactivity";

import type { AppError, Host, PurposeCode, ReviewPane } from "../../host/host";

/** A masked field that stands in clear on the page for a while. */
export interface ShownField {
  text: string;
  /** By the page's clock, in ms. The core drops the value by its own. */
  until: number;
  isCopied: boolean;
  error: AppError | null;
}

/** How often the time that is left is looked at, in ms. */
const TICK_MS = 250;

/** The masked fields of the open review: which may be read, which stand in clear, and for how long. */
export class Reveals {
  /** The field that is asked for, while its purpose is chosen. */
  asking = $state.raw<string | null>(null);
  error = $state.raw<AppError | null>(null);
  isBusy = $state(false);
  readonly shown = new SvelteMap<string, ShownField>();
  /** Where the focus goes when a field is shown or masked. */
  focus = $state.raw<string | null>(null);
  now = $state(0);
  readonly #host: Host;
  readonly #pane: () => ReviewPane | null;
  readonly #takePane: (pane: ReviewPane) => void;
  readonly #clock: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isAway = false;

  constructor(
    host: Host,
    pane: () => ReviewPane | null,
    takePane: (pane: ReviewPane) => void,
    clock: () => number = () => performance.now(),
  ) {
    this.#host = host;
    this.#pane = pane;
    this.#takePane = takePane;
    this.#clock = clock;
  }

  readonly paths: ReadonlySet<string> = $derived.by(() => {
    const pane = this.#pane();
    return new Set(pane !== null && pane.state.kind === "open" ? pane.reveal.paths : []);
  });
  readonly blocker: string | null = $derived.by(() => this.#pane()?.reveal.blocker ?? null);
  readonly purposes = $derived.by(() => this.#pane()?.reveal.purposes ?? []);

  /** Whole seconds that a field still stands; at least one while it does. */
  secondsLeft(path: string): number {
    const field = this.shown.get(path);
    return field === undefined ? 0 : Math.max(1, Math.ceil((field.until - this.now) / 1000));
  }

  ask(path: string): void {
    if (!this.paths.has(path) || this.shown.has(path) || this.isBusy) return;
    this.error = null;
    this.asking = path;
  }

  cancel(): void {
    if (!this.isBusy) this.asking = null;
  }

  async reveal(purpose: PurposeCode, text: string): Promise<void> {
    const path = this.asking;
    const reviewId = this.#pane()?.reviewId;
    if (path === null || reviewId === undefined || this.isBusy) return;
    this.isBusy = true;
    this.error = null;
    const answer = await this.#host.revealField({ reviewId, path, purpose, text });
    const value = answer.status === "ok" ? await this.#host.revealedText({ reviewId, path }) : answer;
    this.isBusy = false;
    if (this.#pane()?.reviewId !== reviewId) {
      void this.#host.maskAgain({ reviewId, path: null });
      return;
    }
    // What was revealed is part of the view from now on, also when its value is gone already.
    if (answer.status === "ok") this.#takePane(answer.data.pane);
    if (answer.status === "error" || value.status === "error") {
      this.error = answer.status === "error" ? answer.error : value.status === "error" ? value.error : null;
      return;
    }
    this.asking = null;
    if (this.#isAway) {
      void this.mask(path);
      return;
    }
    this.now = this.#clock();
    const until = this.now + answer.data.field.remainingMs;
    this.shown.set(path, { text: value.data, until, isCopied: false, error: null });
    this.focus = path;
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  async copy(path: string): Promise<void> {
    const reviewId = this.#pane()?.reviewId;
    const before = this.shown.get(path);
    if (reviewId === undefined || before === undefined) return;
    const answer = await this.#host.copyRevealed({ reviewId, path });
    const field = this.shown.get(path);
    if (field === undefined) return;
    const error = answer.status === "error" ? answer.error : null;
    this.shown.set(path, { ...field, isCopied: field.isCopied || error === null, error });
  }

  /** Masks a field on the page at once, and in the core. */
  async mask(path: string): Promise<void> {
    const reviewId = this.#pane()?.reviewId;
    this.#forget([path]);
    if (reviewId !== undefined) await this.#host.maskAgain({ reviewId, path });
  }

  /** Another review comes, or this one ends: nothing of it stays in clear. */
  leave(reviewId: string | null): void {
    this.asking = null;
    this.error = null;
    const stood = this.shown.size > 0;
    this.#forget([...this.shown.keys()]);
    this.focus = null;
    if (reviewId !== null && stood) void this.#host.maskAgain({ reviewId, path: null });
  }

  /** Follows the core, and the window's focus. */
  watch(window: Window): () => void {
    const away = () => {
      this.#isAway = true;
      for (const path of [...this.shown.keys()]) void this.mask(path);
    };
    const back = () => {
      this.#isAway = false;
    };
    const hidden = () => {
      if (window.document.visibilityState === "hidden") away();
    };
    window.addEventListener("blur", away);
    window.addEventListener("focus", back);
    window.document.addEventListener("visibilitychange", hidden);
    const stop = this.#host.on("fieldsMasked", ({ reviewId }) => {
      if (reviewId === this.#pane()?.reviewId) this.#forget([...this.shown.keys()]);
    });
    return () => {
      stop();
      window.removeEventListener("blur", away);
      window.removeEventListener("focus", back);
      window.document.removeEventListener("visibilitychange", hidden);
      this.leave(this.#pane()?.reviewId ?? null);
    };
  }

  #tick(): void {
    this.now = this.#clock();
    for (const [path, field] of [...this.shown]) if (field.until <= this.now) void this.mask(path);
  }

  #forget(paths: readonly string[]): void {
    for (const path of paths) if (this.shown.delete(path)) this.focus = path;
    if (this.shown.size > 0 || this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

const KEY = Symbol("reveals");

export const provideReveals = (reveals: Reveals): Reveals => setContext(KEY, reveals);

/** Nothing where a view is shown that is over: a record. */
export const findReveals = (): Reveals | undefined => getContext<Reveals | undefined>(KEY);
