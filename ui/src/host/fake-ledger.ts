// The ledger of the invented desk: in order, or forked.
import type { LedgerView, SavedAlarm } from "./host";
import { at } from "./fake-view";

const KEPT = { size: "18204", root: "mZ0u5l1pTt8m1sJv0yqkq9Xo2p7f3W6c4bA1dE5gH8o=", at: at(-90) };

export function ledgerView(told: ReadonlySet<string>): LedgerView {
  const isBroken = told.has("ledger-broken");
  return {
    state: isBroken ? "broken" : told.has("empty") ? "unknown" : "verified",
    origin: "ledger.shop.example",
    vkey: "ledger.shop.example+1f0c2a9b+AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefgh",
    kept: told.has("empty") && !isBroken ? null : KEPT,
    alarm: isBroken
      ? {
          at: at(-4),
          finding: "ledger shows another root for the same 18204 entries",
          judgement: `PROVED: the ledger's key signed two different roots for the same 18204 entries (${KEPT.root} and Qk3x9Zb7Yc1Ve5Td8Rf2Ug6Wh0Ij4Kl7Mn1Op5Qs9To=), so there are two ledgers under it. A gateway that went on from an older copy makes that, and so does one that deceives; either way entries that were seen are not in the ledger any more.`,
          isProven: true,
          kept: KEPT,
          shown: { size: "18204", root: "Qk3x9Zb7Yc1Ve5Td8Rf2Ug6Wh0Ij4Kl7Mn1Op5Qs9To=", at: at(-4) },
        }
      : null,
  };
}

export const savedAlarm: SavedAlarm = {
  path: "Downloads/seamark-ledger.seamark-alarm.json",
  sha256: "3f2b8c4e9a7d1506b8e3c9f0a2d4e6881b5c7d9e0f1a2b3c4d5e6f708192a3b4",
};
