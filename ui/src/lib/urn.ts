/** The name at the end of `urn:seamark:KIND:NAME`; any other text as it is. */
export function nameOf(urn: string): string {
  return /^urn:seamark:[a-z]+:(.+)$/.exec(urn)?.[1] ?? urn;
}

/** The first eight digits of a key id or digest in two groups, for reading aloud. */
export function shortHex(hex: string): string {
  return `${hex.slice(0, 4)} ${hex.slice(4, 8)}`.trim();
}
