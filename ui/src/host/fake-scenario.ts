// How the invented host begins, changes and refuses.
import { appState, inboxRows } from "./fake-data";
import { at } from "./fake-view";
import type { InboxRequest } from "./bindings";
import type { Answer, AppErrorCode, AppState, InboxPage, InboxRow, ReviewChange, ReviewPane } from "./host";

export const ok = <T>(data: T): Answer<T> => ({ status: "ok", data });
export const refuse = (code: AppErrorCode, message: string, field: string | null = null): Answer<never> => ({
  status: "error",
  error: { code, message, requestId: "req-5f21c09a", field },
});

export const CHANGES: Record<string, ReviewChange> = {
  changed: {
    kind: "changed",
    text: "order-desk 2.3.1 replaced this with a changed version at 10:45. 2 things differ.",
    meaning:
      "What you see here no longer holds: it can no longer be approved, and nothing was done with it. Judge the new version instead.",
    newReviewId: "r-refund2",
    diff: [
      { label: "Amount", before: "EUR 1,280.00", after: "EUR 640.00" },
      { label: "Refund goes to", before: "411111••••••4242", after: "401288••••••1907" },
    ],
  },
  expired: {
    kind: "expired",
    text: "The deadline passed at 10:54 without an answer.",
    meaning:
      "A decision has no effect any more, and silence never approves. At 10:54 it is rejected. No money moves. If it is still wanted, order-desk 2.3.1 has to hand it over again.",
    newReviewId: null,
    diff: [],
  },
  decided: {
    kind: "decided",
    text: "Ana Duarte approved this at 10:44, before you.",
    meaning:
      "That decision came first and stands; yours is no longer asked for. What follows: refund-executor 3.0.1 sends EUR 1,280.00 today. It cannot be called back. If you think that it is wrong, tell Ana Duarte and refund managers at once.",
    newReviewId: null,
    diff: [],
  },
  withdrawn: {
    kind: "withdrawn",
    text: "order-desk 2.3.1 took this handoff back at 10:45.",
    meaning:
      "Nothing is done, and no decision is needed any more. What you had written is kept as a draft and was not sent. Nothing is left for you to do.",
    newReviewId: null,
    diff: [],
  },
};

const OVER: Record<string, { kind: "expired" | "approved"; text: string; meaning: string; by: string | null }> = {
  "r-expired": {
    kind: "expired",
    text: "The deadline passed at 10:38 without an answer.",
    meaning: "A decision has no effect any more, and silence never approves. No money moves.",
    by: null,
  },
  "r-decided": {
    kind: "approved",
    text: "Ana Duarte approved this at 10:31, before you.",
    meaning: "That decision came first and stands; yours is no longer asked for.",
    by: "Ana Duarte",
  },
};

export function withState(pane: ReviewPane, opened: ReadonlySet<string>, end?: ReviewChange): ReviewPane {
  const requiredEvidence = pane.requiredEvidence.map((piece) => ({
    ...piece,
    opened: piece.opened || opened.has(`${pane.reviewId} ${piece.id}`),
  }));
  const isReady = requiredEvidence.every((piece) => piece.opened);
  const base: ReviewPane = {
    ...pane,
    requiredEvidence,
    canDecide: { ...pane.canDecide, approve: isReady ? [] : pane.canDecide.approve },
  };
  const closed = (kind: ReviewPane["state"]["kind"], text: string, meaning: string, by: string | null) => ({
    ...base,
    state: { ...pane.state, kind, text, meaning, by, at: at(-11) },
  });
  if (end?.kind === "expired" || end?.kind === "withdrawn") return closed(end.kind, end.text, end.meaning, null);
  if (end?.kind === "decided") return closed("approved", end.text, end.meaning, "Ana Duarte");
  const over = OVER[pane.reviewId];
  if (over !== undefined) return closed(over.kind, over.text, over.meaning, over.by);
  if (pane.reviewId === "r-unverified")
    return {
      ...base,
      verifyError:
        "The gateway’s signature over this handoff does not fit its bytes. It cannot be decided here; tell whoever runs the gateway.",
      canDecide: {
        approve: ["It cannot be verified."],
        reject: ["It cannot be verified."],
        escalate: ["It cannot be verified."],
      },
    };
  return base;
}

export const UNLOCKED: AppState["signing"] = {
  state: "unlocked",
  unlockedUntil: at(15),
  text: "Signing key unlocked until 10:57.",
  help: null,
};

const KEYRING_LOCKED: AppState["signing"] = {
  state: "keyring-locked",
  unlockedUntil: null,
  text: "Your keyring is locked, so nothing can be signed.",
  help: "It keeps half of your signing key. Unlock it (log in again, or open your desktop’s passwords program and unlock the keyring “Login”), then try again. If it is unlocked already, it no longer holds this device’s key: ask for a new invitation. Nothing was lost, and no new key was made.",
};

const CONNECTIONS: Record<string, Partial<AppState["connection"]>> = {
  offline: {
    state: "offline",
    lastSyncAt: at(-11),
    retryInS: 8,
    text: "Offline, showing what was current at 10:31",
    help: "You can go on reading. What you decide at low risk is signed here and sent later; at higher risk the gateway first has to confirm that nothing has changed, and your words are kept as a draft.",
  },
  refused: {
    state: "refused",
    text: "The gateway does not let this device in",
    help: "The gateway does not know this device (any more). Ask for a new invitation. What is saved here is kept.",
  },
  connecting: { state: "connecting", text: "Connecting, showing what was current at 10:31" },
  "gateway-starting": {
    state: "connecting",
    lastSyncAt: null,
    text: "Starting the gateway on this computer…",
  },
  "gateway-failed": {
    state: "offline",
    text: "The gateway on this computer did not start",
    help: "Its folder could not be used. Until it runs nothing new arrives, and nothing that you sign is delivered; what is shown can be read, and what you signed is kept here. Check that the disk is not full and that Seamark’s folder may be written to. Then close Seamark and open it again.",
  },
};

export function firstState(told: ReadonlySet<string>): AppState {
  const state = appState();
  if (told.has("first-run") || told.has("setting-up")) {
    state.stage = told.has("setting-up") ? "setting-up" : "first-run";
    state.account = null;
    state.signing = {
      state: "none",
      unlockedUntil: null,
      text: "This desk has no signing key yet.",
      help: null,
    };
  }
  if (told.has("waiting")) {
    state.stage = "waiting";
    state.enrolment = { fingerprint: "1f0c 77a2 90be 4d11 03ac 5e8f 2b6d 9c40" };
  }
  if (told.has("new-root")) {
    state.newRoot = { fingerprint: "0d1e 2f3a 4b5c 6d7e 8f90 a1b2 c3d4 e5f6" };
    state.connection = {
      ...state.connection,
      state: "refused",
      text: "The gateway does not let this device in",
      help: "Your organisation has a new root: the one that this desk pinned named it. Seamark trusts nothing under it before you confirm its fingerprint, under Settings, Account. What you signed is kept and sent afterwards.",
    };
  }
  const connection = [...told].map((name) => CONNECTIONS[name]).find((candidate) => candidate !== undefined);
  state.connection = { ...state.connection, ...connection };
  if (told.has("offline")) state.outbox = { waiting: 1, deliveredToday: 2 };
  if (told.has("unlocked")) state.signing = UNLOCKED;
  if (told.has("pin-locked-out"))
    state.signing = {
      ...state.signing,
      text: "Too many wrong PINs, so none is tried before 10:47:00.",
      help: "Nothing was signed. What you wrote is kept as a draft.",
    };
  if (told.has("keyring-locked")) state.signing = KEYRING_LOCKED;
  if (told.has("keyring-missing"))
    state.signing = {
      state: "keyring-missing",
      unlockedUntil: null,
      text: "No keyring runs, so nothing can be signed.",
      help: "A keyring keeps half of your signing key. Start one in this session (GNOME Keyring, KDE Wallet or KeePassXC), then try again. Nothing was lost; what you signed before is kept here.",
    };
  if (told.has("ledger-broken"))
    state.ledger = { state: "broken", size: "18204", text: "Ledger does not fit what was seen before" };
  if (told.has("empty")) state.counts = { open: 0, mine: 0, expiring: 0 };
  state.appearance.theme = told.has("dark")
    ? "dark"
    : told.has("contrast")
      ? "contrast"
      : told.has("light")
        ? "light"
        : "system";
  state.appearance.density = told.has("dense") ? "dense" : told.has("compact") ? "compact" : "comfortable";
  return state;
}

export function rowsFor(told: ReadonlySet<string>, filter: string, query: string): InboxRow[] {
  if (told.has("empty")) return [];
  const wanted = query.toLowerCase();
  return inboxRows.filter(
    (row) =>
      (filter === "mine" ||
        filter === "all" ||
        (filter === "expiring" ? row.urgency !== "none" : row.contract.startsWith(filter))) &&
      `${row.line} ${row.context} ${row.source}`.toLowerCase().includes(wanted),
  );
}

/** A window into the invented list. */
export function inboxPage(r: InboxRequest, told: ReadonlySet<string>): Answer<InboxPage> {
  if (told.has("error"))
    return refuse(
      "storage-failed",
      "The local copy could not be read. Nothing was lost: the gateway has everything. Restart the app, then tell support.",
    );
  const all = rowsFor(told, r.filter, r.query);
  const isBig = told.has("big");
  const rows = isBig
    ? Array.from({ length: Math.min(r.limit, 100_000 - r.offset) }, (_, index) => index + r.offset).flatMap((n) =>
        all
          .slice(n % all.length, (n % all.length) + 1)
          .map((row): InboxRow => ({ ...row, reviewId: `r-${n}`, group: { id: "all", label: "Everything" } })),
      )
    : all.slice(r.offset, r.offset + r.limit);
  const filters = [
    { id: "mine", label: "Mine", count: rowsFor(told, "mine", "").length },
    { id: "refund.issue", label: "Refunds", count: rowsFor(told, "refund.issue", "").length },
    { id: "expiring", label: "Expiring", count: rowsFor(told, "expiring", "").length },
    { id: "all", label: "All", count: rowsFor(told, "all", "").length },
  ];
  return ok({
    rows,
    total: isBig ? 100_000 : all.length,
    offset: r.offset,
    version: 1,
    filters,
    stale: told.has("offline") ? "As of 10:31, when the connection was lost" : null,
  });
}
export const rootFault = (state: AppState, typed: string): Answer<never> | null => {
  const digits = (text: string) => text.replaceAll(" ", "").toLowerCase();
  if (digits(typed) === digits(state.newRoot?.fingerprint ?? "")) return null;
  return refuse(
    "fingerprint-mismatch",
    "This is not the fingerprint of the root that is shown. Nothing was changed.",
    "fingerprint",
  );
};

export const pinFault = (pin: string | null): Answer<never> | null => {
  if (pin === "000000")
    return refuse(
      "pin-wrong",
      "This is not your signing PIN. Nothing was signed. 4 tries are left before you have to wait.",
      "pin",
    );
  if (pin === "999999")
    return refuse(
      "pin-locked-out",
      "Too many wrong PINs. No PIN is tried before 10:47:00, in 5 min. Nothing was signed; what you wrote is kept.",
      "pin",
    );
  return null;
};
