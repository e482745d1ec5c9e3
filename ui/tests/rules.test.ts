// Rules that hold for every file of the page, and for its colours.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(svelte|ts|css)$/.test(name) && !name.includes("bindings"))
  .map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));

const without = (pattern: RegExp) => files.filter(({ text }) => pattern.test(text)).map(({ name }) => name);

describe("the source", () => {
  it.each([
    ["raw markup", /\{@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write/],
    ["code from text", /\beval\(|new Function\(/],
    ["a style attribute, which the policy forbids", /\sstyle=["{]/],
    ["the browser's language", /navigator\.language/],
    ["network of its own", /\bfetch\(|XMLHttpRequest|WebSocket|EventSource/],
    ["movement or blur", /@keyframes|transition:[a-z{]|animate:|backdrop-filter|filter:\s*blur|requestAnimationFrame/],
    ["emoji", /\p{Extended_Pictographic}/u],
    ["autofocus", /\sautofocus/],
  ])("has no %s", (_, pattern) => {
    expect(without(pattern)).toEqual([]);
  });

  it("knows Tauri in the host alone", () => {
    const others = without(/@tauri-apps\//).filter((name) => !["host/tauri.ts"].includes(name));
    expect(others).toEqual([]);
  });
});

const css = readFileSync(join(root, "tokens.css"), "utf8");

function colours(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf("}", start));
  return new Map(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe.each([":root", ':root[data-theme="dark"]', ':root[data-theme="contrast"]'])(
  "the colours of %s",
  (selector) => {
    const theme = colours(selector);
    const get = (name: string) => theme.get(name) ?? "#808080";

    it.each([
      ["ink", ["pane", "bg", "sunk", "selected", "risk-bg", "warn-bg", "accent-bg"]],
      ["ink-2", ["pane", "bg", "sunk", "selected", "chip", "warn-bg"]],
      ["ink-3", ["pane", "sunk"]],
      ["accent", ["pane", "accent-bg"]],
      ["on-accent", ["accent"]],
      ["on-badge", ["badge"]],
      ["warn", ["pane", "bg", "warn-bg", "selected"]],
      ["risk", ["pane", "bg", "risk-bg", "selected"]],
      ["ok", ["pane", "sunk"]],
    ])("%s is read on every ground it stands on", (text, grounds) => {
      for (const ground of grounds) {
        expect(contrast(get(text), get(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    });

    it("borders of fields are seen", () => {
      expect(contrast(get("field"), get("pane"))).toBeGreaterThanOrEqual(3);
    });
  },
);
