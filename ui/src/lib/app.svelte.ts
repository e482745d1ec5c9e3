import type { AppError, AppState, Host } from "../host/host";
import { FALLBACK, type Place } from "./time";

/** What the app says about itself, and the time by its clock. */
export class App {
  state = $state.raw<AppState | null>(null);
  error = $state.raw<AppError | null>(null);
  /** Now, in ms since 1970; moves on every second. */
  now = $state(Date.now());
  readonly place: Place = $derived(this.state ?? FALLBACK);
  #ahead = 0;
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  async load(): Promise<void> {
    const answer = await this.#host.appState();
    if (answer.status === "ok") this.take(answer.data);
    else this.error = answer.error;
  }

  take(state: AppState): void {
    const theirs = Date.parse(state.now);
    // The page's own clock may be wrong; the app's is compared with the gateway's.
    this.#ahead = Number.isNaN(theirs) ? 0 : theirs - Date.now();
    this.state = state;
    this.error = null;
    this.tick();
  }

  tick(): void {
    this.now = Date.now() + this.#ahead;
  }

  /** Follows events and the clock; returns how to stop. */
  watch(): () => void {
    const stop = this.#host.on("appState", (state) => this.take(state));
    const timer = setInterval(() => this.tick(), 1_000);
    return () => {
      stop();
      clearInterval(timer);
    };
  }
}
