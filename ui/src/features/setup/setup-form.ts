// What the forms of the first run need. Rust checks the same again, and more.
import { newPinProblems } from "../../lib/pin";
import { p } from "../../messages/en-places";

export interface SetupFields {
  name: string;
  pin: string;
  pinAgain: string;
  address: string;
  code: string;
  device: string;
}

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
  const { pin, again } = newPinProblems(fields.pin, fields.pinAgain);
  if (pin !== undefined) problems.pin = pin;
  if (again !== undefined) problems.pinAgain = again;
  return problems;
}
