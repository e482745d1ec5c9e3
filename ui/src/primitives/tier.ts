export type TierName = "T0" | "T1" | "T2" | "T3" | "T4";

/** How loud a tier is: nothing below medium has a colour. */
export function tone(tier: TierName): "quiet" | "warn" | "risk" {
  if (tier === "T3" || tier === "T4") return "risk";
  return tier === "T2" ? "warn" : "quiet";
}
