import type { Answer, AppError } from "../host/host";

/** How a reading from the host stands. */
export type Loaded<T> =
  { is: "waiting" } | { is: "there"; data: T; error: AppError | null } | { is: "failed"; error: AppError };

const PATIENCE_MS = 300;

/** Reads something and keeps the newest answer: an older, slower one never overwrites it. */
export class Loader<T> {
  value = $state.raw<Loaded<T>>({ is: "waiting" });
  /** True when it takes so long that the page should show that it is working. */
  isSlow = $state(false);
  #turn = 0;

  /** With `keep`, what is there stays on screen meanwhile and after a failure. */
  async load(read: () => Promise<Answer<T>>, { keep = false } = {}): Promise<void> {
    const turn = ++this.#turn;
    if (!keep || this.value.is !== "there") {
      this.value = { is: "waiting" };
      this.isSlow = false;
    }
    const timer = setTimeout(() => {
      if (turn === this.#turn) this.isSlow = true;
    }, PATIENCE_MS);
    const answer = await read();
    clearTimeout(timer);
    if (turn !== this.#turn) return;
    this.isSlow = false;
    if (answer.status === "ok") this.value = { is: "there", data: answer.data, error: null };
    else if (keep && this.value.is === "there") this.value = { ...this.value, error: answer.error };
    else this.value = { is: "failed", error: answer.error };
  }

  change(edit: (data: T) => T): void {
    if (this.value.is === "there") this.value = { ...this.value, data: edit(this.value.data) };
  }
}
