// What a new PIN needs. Rust checks the same again, and refuses what is easy to guess.
import { p } from "../messages/en-places";

/** 6 characters if all are digits, else 8. */
export const pinLength = (pin: string): number => (/^[0-9]*$/.test(pin) ? 6 : 8);

/** What is wrong with a new PIN and its repetition; empty when nothing is. */
export function newPinProblems(pin: string, again: string): { pin?: string; again?: string } {
  if (Array.from(pin).length < pinLength(pin)) return { pin: p.setup.needPin };
  return pin === again ? {} : { again: p.setup.needSame };
}
