// What the forms of the first run need. Rust checks the same again, and more.
import { p } from "../../messages/en-places";

export interface SetupFields {
  name: string;
  pin: string;
  pinAgain: string;
  address: string;
  code: string;
  device: string;
}

/** As Rust asks it, which also refuses what is easy to guess: 6 characters if all are digits, else 8. */
export const pinLength = (pin: string): number => (/^[0-9]*$/.test(pin) ? 6 : 8);

/** A text for each field that is not right; empty when all are. */
export function setupProblems(fields: SetupFields, isLocal: boolean): Partial<Record<keyof SetupFields, string>> {
  const w = p.setup;
  const problems: Partial<Record<keyof SetupFields, string>> = {};
  if (isLocal && fields.name.trim() === "") problems.name = w.needName;
  if (!isLocal) {
    if (!/^https?:\/\/[^\s/]+/.test(fields.address.trim())) problems.address = w.needAddress;
    if (fields.code.trim() === "") problems.code = w.needCode;
    if (fields.device.trim() === "") problems.device = w.needDevice;
  }
  if (Array.from(fields.pin).length < pinLength(fields.pin)) problems.pin = w.needPin;
  else if (fields.pin !== fields.pinAgain) problems.pinAgain = w.needSame;
  return problems;
}
