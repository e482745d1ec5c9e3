import type { Density, Theme } from "../host/host";

const DARK = "(prefers-color-scheme: dark)";
const CONTRAST = "(prefers-contrast: more)";

function resolve(theme: Theme): string {
  if (theme !== "system") return theme;
  if (matchMedia(CONTRAST).matches) return "contrast";
  return matchMedia(DARK).matches ? "dark" : "light";
}

/** Puts the theme on the root element, and follows the system until the returned function is called. */
export function applyTheme(root: HTMLElement, theme: Theme): () => void {
  const apply = () => root.setAttribute("data-theme", resolve(theme));
  apply();
  if (theme !== "system") return () => {};
  const queries = [matchMedia(DARK), matchMedia(CONTRAST)];
  for (const query of queries) query.addEventListener("change", apply);
  return () => queries.forEach((query) => query.removeEventListener("change", apply));
}

export function applyDensity(root: HTMLElement, density: Density): void {
  root.setAttribute("data-density", density);
}
