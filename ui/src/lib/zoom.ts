const STEPS = [0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2];

/** The next zoom up or down; 0 goes back to 100 %. */
export function zoomed(zoom: number, step: -1 | 0 | 1): number {
  if (step === 0) return 1;
  const next = step === 1 ? STEPS.find((one) => one > zoom + 0.001) : STEPS.findLast((one) => one < zoom - 0.001);
  return next ?? zoom;
}
