// The keyboard. Handlers stack: the newest that takes a key wins, so a sheet can sit over a pane.

export interface Binding {
  /** `a`, `?`, `Escape`, `ctrl+Enter`, `shift+F6`, or a sequence `g i`. */
  keys: string;
  run: (event: KeyboardEvent) => void;
  /** Asked at each press; absent: always. */
  when?: () => boolean;
  /** Also while a text is being typed, and in an open dialog. */
  everywhere?: boolean;
  /** Whether holding it down counts again and again. */
  repeats?: boolean;
}

const SEQUENCE_MS = 1_500;

/** The name of a pressed key: letters in lower case, with `ctrl+` (or Cmd), `alt+`, and `shift+` for keys that are no character. */
export function keyName(event: KeyboardEvent): string {
  let key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // On a layout without Latin letters the place of the key counts.
  const place = /^Key([A-Z])$/.exec(event.code)?.[1];
  if (place !== undefined && /[^\x20-\x7e]/.test(key)) key = place.toLowerCase();
  const control = event.ctrlKey || event.metaKey ? "ctrl+" : "";
  const alt = event.altKey ? "alt+" : "";
  const shift = event.shiftKey && event.key.length > 1 ? "shift+" : "";
  return `${control}${alt}${shift}${key}`;
}

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["radio", "checkbox", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

export class Keys {
  #layers: Binding[][] = [];
  #pending = "";
  #pendingSince = 0;
  /** Single characters may be switched off (WCAG 2.1.4). */
  singlesOn: () => boolean = () => true;
  readonly #clock: () => number;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Adds bindings on top; returns how to take them away. */
  add(bindings: Binding[]): () => void {
    this.#layers.unshift(bindings);
    return () => {
      this.#layers = this.#layers.filter((layer) => layer !== bindings);
    };
  }

  watch(target: Window): () => void {
    const hear = (event: KeyboardEvent) => this.press(event);
    target.addEventListener("keydown", hear);
    return () => target.removeEventListener("keydown", hear);
  }

  press(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    const name = keyName(event);
    const now = this.#clock();
    const sequence = this.#pending !== "" && now - this.#pendingSince < SEQUENCE_MS ? `${this.#pending} ${name}` : "";
    this.#pending = "";
    const inDialog = event.target instanceof Element && event.target.closest("dialog[open]") !== null;
    const isBusy = inDialog || isTyping(event.target);
    const isSingle = name.length === 1;
    if (isSingle && !this.singlesOn()) return;

    for (const wanted of sequence === "" ? [name] : [sequence, name]) {
      for (const layer of this.#layers) {
        const found = layer.find((binding) => binding.keys === wanted && this.#applies(binding, event, isBusy));
        if (found === undefined) continue;
        event.preventDefault();
        found.run(event);
        return;
      }
    }
    const starts = this.#layers.some((layer) => layer.some((binding) => binding.keys.startsWith(`${name} `)));
    if (starts && !isBusy && !event.repeat) {
      this.#pending = name;
      this.#pendingSince = now;
    }
  }

  #applies(binding: Binding, event: KeyboardEvent, isBusy: boolean): boolean {
    if (event.repeat && binding.repeats !== true) return false;
    if (isBusy && binding.everywhere !== true) return false;
    return binding.when?.() ?? true;
  }
}
