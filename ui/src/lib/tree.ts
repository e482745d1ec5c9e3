// Which rows of a flattened tree are on screen, and where the arrow keys go.

export interface Row {
  depth: number;
  path: string;
  kind: string;
}

export function isBranch(row: Row): boolean {
  return row.kind === "object" || row.kind === "array";
}

/** Positions of the rows that no closed row hides. */
export function visibleRows(rows: readonly Row[], closed: ReadonlySet<string>): number[] {
  const visible: number[] = [];
  let hiddenBelow = Number.POSITIVE_INFINITY;
  rows.forEach((row, index) => {
    if (row.depth > hiddenBelow) return;
    hiddenBelow = closed.has(row.path) && isBranch(row) ? row.depth : Number.POSITIVE_INFINITY;
    visible.push(index);
  });
  return visible;
}

/** The row above in which a row lies; -1 for the top. */
export function parentOf(rows: readonly Row[], index: number): number {
  const depth = rows[index]?.depth ?? 0;
  for (let at = index - 1; at >= 0; at -= 1) if ((rows[at]?.depth ?? 0) < depth) return at;
  return -1;
}

/** Its place among its siblings, for `aria-posinset` and `aria-setsize`. */
export function placeOf(rows: readonly Row[], index: number): { position: number; of: number } {
  const parent = parentOf(rows, index);
  const depth = rows[index]?.depth ?? 0;
  let position = 0;
  let of = 0;
  for (let at = parent + 1; at < rows.length; at += 1) {
    const here = rows[at]?.depth ?? 0;
    if (here < depth) break;
    if (here !== depth) continue;
    of += 1;
    if (at <= index) position += 1;
  }
  return { position, of };
}
