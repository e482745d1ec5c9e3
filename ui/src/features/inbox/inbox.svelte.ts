import type { AppError, Filter, Host, InboxRow } from "../../host/host";

const PAGE = 100;
const PATIENCE_MS = 300;
/** The list does not move under a hand that is on it. */
const STILL_MS = 2_000;

/** The rows of the inbox, read in pages as they come into sight. The order is Rust's. */
export class InboxRows {
  rows = $state.raw<ReadonlyMap<number, InboxRow>>(new Map());
  total = $state(0);
  filters = $state.raw<Filter[]>([]);
  stale = $state<string | null>(null);
  error = $state.raw<AppError | null>(null);
  isLoaded = $state(false);
  isSlow = $state(false);
  readonly #host: Host;
  #filter = "";
  #query = "";
  #turn = 0;
  #asked = new Set<number>();
  #touchedAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Follows changes; returns how to stop. */
  watch(): () => void {
    const stop = this.#host.on("inboxChanged", () => this.refreshWhenStill());
    return () => {
      stop();
      clearTimeout(this.#timer);
    };
  }

  /** Another filter or search: starts from the top. */
  async show(filter: string, query: string): Promise<void> {
    this.#filter = filter;
    this.#query = query;
    await this.#read(0, true);
  }

  /** A pointer or key is at work in the list. */
  touch(): void {
    this.#touchedAt = performance.now();
  }

  refreshWhenStill(): void {
    clearTimeout(this.#timer);
    const rest = STILL_MS - (performance.now() - this.#touchedAt);
    if (rest > 0) this.#timer = setTimeout(() => this.refreshWhenStill(), rest);
    else void this.#read(0, false, true);
  }

  async retry(): Promise<void> {
    this.isLoaded = false;
    this.error = null;
    await this.#read(0, true);
  }

  /** Makes sure that these rows are there or on their way. */
  need(from: number, to: number): void {
    for (let page = Math.floor(Math.max(0, from) / PAGE); page * PAGE <= Math.min(to, this.total - 1); page += 1) {
      if (!this.#asked.has(page)) void this.#read(page * PAGE, false);
    }
  }

  find(reviewId: string): InboxRow | null {
    for (const row of this.rows.values()) if (row.reviewId === reviewId) return row;
    return null;
  }

  indexOf(reviewId: string): number {
    for (const [index, row] of this.rows) if (row.reviewId === reviewId) return index;
    return -1;
  }

  async #read(offset: number, isNew: boolean, isRefresh = false): Promise<void> {
    if (isNew || isRefresh) {
      this.#turn += 1;
      this.#asked.clear();
    }
    const turn = this.#turn;
    this.#asked.add(offset / PAGE);
    const timer = setTimeout(() => (this.isSlow = turn === this.#turn && !this.isLoaded), PATIENCE_MS);
    const request = { filter: this.#filter, query: this.#query, offset, limit: PAGE };
    const answer = await this.#host.inboxRows(request);
    clearTimeout(timer);
    if (turn !== this.#turn) return;
    this.isSlow = false;
    if (answer.status === "error") {
      this.error = answer.error;
      this.#asked.delete(offset / PAGE);
      return;
    }
    const page = answer.data;
    const rows = new Map(isNew || isRefresh ? [] : this.rows);
    page.rows.forEach((row, index) => rows.set(page.offset + index, row));
    this.rows = rows;
    this.total = page.total;
    this.filters = page.filters;
    this.stale = page.stale;
    this.error = null;
    this.isLoaded = true;
  }
}
