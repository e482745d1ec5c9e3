// The words about masked fields that are read for a moment.
export const r = {
  reveal: "Reveal",
  revealOf: (field: string) => `Reveal ${field}`,
  title: (field: string) => `Reveal ${field}`,
  lead: "Your name, this field and the purpose are recorded before the value is shown. The record of your decision has them for ever.",
  then: "The value is masked again after 30 seconds, and when you look away from this window.",
  purpose: "What you need it for",
  text: "In your own words",
  textHelp: "Optional. Never write the value itself.",
  textHelpOther: "Needed with this purpose. Never write the value itself.",
  need: "Choose what you need it for.",
  needText: "Say in a few words what you need it for.",
  cancel: "Leave it masked",
  confirm: "Record and reveal",
  working: "Recording",
  left: (seconds: number) => `masked again in ${seconds} s`,
  maskNow: "Mask now",
  maskOf: (field: string) => `Mask ${field} now`,
  copy: "Copy",
  copyOf: (field: string) => `Copy ${field}. This is recorded.`,
  copyNote: "Copying is recorded",
  copied: "Copied, and recorded",
  shown: (field: string) => `${field} is shown for 30 seconds.`,
  masked: (field: string) => `${field} is masked again.`,
  record: "Revealed fields",
  none: "No masked field was shown in clear.",
  columns: { field: "Field", by: "To", purpose: "Purpose", at: "When", copied: "Copied" },
  notCopied: "no",
};

/** `/payload/customer/email` as `customer › email`. */
export function fieldWords(path: string): string {
  const steps = path.split("/").slice(2);
  const words = steps.filter((step) => step !== "result" && step !== "structuredContent");
  return words.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~")).join(" › ");
}
