import { p } from "../../messages/en-places";

const { groups, rows } = p.keys;

/** The keyboard as help shows it. */
export const shortcuts = [
  {
    title: groups.anywhere,
    rows: [
      { does: rows.inbox, keys: ["G", "I"] },
      { does: rows.outbox, keys: ["G", "O"] },
      { does: rows.audit, keys: ["G", "A"] },
      { does: rows.settings, keys: ["G", "S"] },
      { does: rows.search, keys: ["/", "Ctrl F"] },
      { does: rows.regions, keys: ["F6"] },
      { does: rows.zoom, keys: ["Ctrl +", "Ctrl −", "Ctrl 0"] },
      { does: rows.lock, keys: ["Ctrl L"] },
      { does: rows.help, keys: ["?"] },
    ],
  },
  {
    title: groups.review,
    rows: [
      { does: rows.approve, keys: ["A"] },
      { does: rows.reject, keys: ["R"] },
      { does: rows.escalate, keys: ["U"] },
      { does: rows.section, keys: ["1", "…", "8"] },
      { does: rows.evidence, keys: ["V"] },
      { does: rows.payload, keys: ["P"] },
      { does: rows.reveal, keys: ["M"] },
      { does: rows.chain, keys: ["C"] },
      { does: rows.changed, keys: ["D"] },
      { does: rows.neighbour, keys: ["[", "]"] },
      { does: rows.back, keys: ["Esc"] },
    ],
  },
  {
    title: groups.list,
    rows: [
      { does: rows.move, keys: ["J", "K"] },
      { does: rows.open, keys: ["Enter", "O"] },
    ],
  },
  {
    title: groups.sheet,
    rows: [
      { does: rows.toSign, keys: ["Ctrl Enter"] },
      { does: rows.closeSheet, keys: ["Esc"] },
    ],
  },
];
