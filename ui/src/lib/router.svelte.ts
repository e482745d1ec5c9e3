import { parseRoute, type Route } from "../routes";

/** Where the page is. The address is the truth; this only watches it. */
export class Router {
  #hash = $state(location.hash);
  readonly route: Route = $derived(parseRoute(this.#hash));

  get hash(): string {
    return this.#hash;
  }

  /** Starts watching; returns how to stop. */
  watch(): () => void {
    const read = () => (this.#hash = location.hash);
    read();
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }

  go(path: string): void {
    if (location.hash === path) return;
    location.hash = path;
    this.#hash = location.hash;
  }

  /** As `go`, without a step to come back to: for what is typed letter by letter, and after a sheet closes. */
  replace(path: string): void {
    history.replaceState(null, "", path);
    this.#hash = path;
  }
}
