// F6 goes through the regions of the page in the order in which they stand.

const FIRST = "a[href], button, input, [tabindex='0']";

/** Where the focus enters a region: its current thing, its heading, or its first control. */
function entry(region: Element): HTMLElement | null {
  return (
    region.querySelector<HTMLElement>(
      "[aria-current='page'], [role='option'][tabindex='0'], h1[tabindex], h2[tabindex]",
    ) ?? region.querySelector<HTMLElement>(FIRST)
  );
}

export function nextRegion(root: Document, step: 1 | -1): void {
  const regions = [...root.querySelectorAll("[data-region]")];
  if (regions.length === 0) return;
  // Regions lie in one another; the innermost that has the focus is where we are.
  const here = regions.findLastIndex((region) => region.contains(root.activeElement));
  const start = here === -1 && step === -1 ? 0 : here;
  for (let turn = 1; turn <= regions.length; turn += 1) {
    const region = regions[(start + step * turn + regions.length * 2) % regions.length];
    const target = region === undefined ? null : entry(region);
    if (target === null || target === root.activeElement) continue;
    target.focus();
    return;
  }
}
