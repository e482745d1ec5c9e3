import "@testing-library/svelte/vitest";

import { configure } from "@testing-library/svelte";
import { afterEach, beforeEach } from "vitest";

// What the test's document lacks and the app's engine has.
if (Element.prototype.scrollIntoView === undefined) Element.prototype.scrollIntoView = () => {};

// Sizes, which only an engine knows: a list of 800 pixels with rows of 82.
class Observer implements ResizeObserver {
  constructor(private readonly tell: ResizeObserverCallback) {}
  observe(target: Element): void {
    const height = target.classList.contains("scroll") ? 800 : 82;
    const entry = { target, contentRect: { width: 388, height } } as unknown as ResizeObserverEntry;
    queueMicrotask(() => this.tell([entry], this));
  }
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver = Observer;
Object.defineProperty(HTMLElement.prototype, "offsetParent", {
  get(this: HTMLElement) {
    return this.parentElement;
  },
});

beforeEach(() => {
  localStorage.clear();
});

afterEach(() => {
  location.hash = "";
});

// A failing search says what it sought; the whole document helps nobody.
configure({ getElementError: (message) => new Error(message ?? "not found"), asyncUtilTimeout: 15_000 });
