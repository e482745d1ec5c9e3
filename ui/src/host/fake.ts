// The host in memory: development, demonstration and tests. It answers like the app and can be told to fail.
//
// Scenarios, separated by commas: first-run, setting-up, offline, refused, connecting, unlocked, keyring-locked,
// keyring-missing, ledger-broken, empty, loading, error, big, progress-slow; and, one second after a review is opened:
// changed, expired, decided, withdrawn. Sentinels: PIN 000000 is wrong, 999999 is locked out; person "Taken" is set up
// already; an address with "down" does not answer; a code with "bad" does not work; reviews r-unverified, r-missing.
import { NO_ACKS, appState, auditRows, claims, inboxRows, outboxRows, paneOf, recordOf } from "./fake-data";
import { at } from "./fake-view";
import type {
  Acks,
  Answer,
  AppErrorCode,
  AppState,
  DecideRequest,
  Host,
  HostEvents,
  InboxRow,
  ReviewChange,
} from "./host";
import type { ReviewPane } from "./host";

export interface FakeOptions {
  scenario?: string;
  /** How long each answer and each step takes, in ms; 0 answers at once. */
  delay?: number;
}

export interface FakeHost extends Host {
  /** Every command that was called, in order. */
  calls: { name: string; request: unknown }[];
  emit<Name extends keyof HostEvents>(name: Name, payload: HostEvents[Name]): void;
  /** The next call of this command fails with this code. */
  failNext(name: string, code: AppErrorCode): void;
}

const ok = <T>(data: T): Answer<T> => ({ status: "ok", data });
const refuse = (code: AppErrorCode, message: string, field: string | null = null): Answer<never> => ({
  status: "error",
  error: { code, message, requestId: "req-5f21c09a", field },
});

const CHANGES: Record<string, ReviewChange> = {
  changed: {
    kind: "changed",
    text: "order-desk sent a revision. The amount is another one.",
    newReviewId: "r-refund2",
    diff: [
      { label: "Amount", before: "EUR 1,280.00", after: "EUR 640.00" },
      { label: "Refund goes to", before: "•••• 4242", after: "•••• 1907" },
    ],
  },
  expired: {
    kind: "expired",
    text: "The deadline passed at 10:54. It was rejected; no money moves.",
    newReviewId: null,
    diff: [],
  },
  decided: { kind: "decided", text: "Ana Duarte approved it at 10:44.", newReviewId: null, diff: [] },
  withdrawn: {
    kind: "withdrawn",
    text: "order-desk withdrew it at 10:45. There is nothing left to decide.",
    newReviewId: null,
    diff: [],
  },
};

export function makeFakeHost({ scenario = "", delay = 60 }: FakeOptions = {}): FakeHost {
  const told = new Set(scenario.split(",").filter((part) => part !== ""));
  const heard: { [Name in keyof HostEvents]: Set<(payload: HostEvents[Name]) => void> } = {
    appState: new Set(),
    inboxChanged: new Set(),
    reviewChanged: new Set(),
    decisionProgress: new Set(),
    setupProgress: new Set(),
  };
  const calls: FakeHost["calls"] = [];
  const failures = new Map<string, AppErrorCode>();
  const opened = new Set<string>();
  let state = firstState(told);

  const wait = (ms: number) => new Promise<void>((done) => (delay === 0 ? done() : setTimeout(done, ms)));
  function emit<Name extends keyof HostEvents>(name: Name, payload: HostEvents[Name]): void {
    for (const hear of [...heard[name]]) hear(payload);
  }
  function become(more: Partial<AppState>): AppState {
    state = { ...state, ...more };
    emit("appState", state);
    return state;
  }
  /** Notes the call, waits, and fails when told to. */
  async function answer<T>(name: string, request: unknown, work: () => Answer<T>): Promise<Answer<T>> {
    calls.push({ name, request });
    if (told.has("loading") && name !== "appState") await new Promise(() => {});
    await wait(delay);
    const code = failures.get(name);
    if (code === undefined) return work();
    failures.delete(name);
    return refuse(code, `This is how “${code}” reads: what happened, what it means, what to do.`);
  }

  async function setUp(isLocal: boolean, personName: string): Promise<Answer<AppState>> {
    const steps = [
      "Creating your signing key",
      "Starting the gateway",
      "Publishing the sample contracts",
      "Waiting for the first handoff",
    ];
    become({ stage: "setting-up" });
    for (const [index, text] of steps.entries()) {
      emit("setupProgress", { step: index + 1, of: steps.length, text });
      await wait(told.has("progress-slow") ? 3_600_000 : 700);
    }
    const account = appState().account;
    return ok(become({ stage: "ready", account: account && { ...account, personName, isLocal } }));
  }

  async function walk(request: DecideRequest): Promise<void> {
    let acks: Acks = { ...NO_ACKS, savedAt: at(1) };
    const steps: [keyof Acks, string, string][] = [
      ["recordedAt", at(1), "Recorded in the ledger."],
      ["countedAt", at(1), "It counts: one approval out of one needed."],
      ["deliveredAt", at(2), "The orchestrator has it."],
      ["executed", "Executed at 10:44: done", "refund-executor reported it as executed."],
    ];
    const base = {
      decisionId: "d-new",
      reviewId: request.reviewId,
      decision: request.decision,
      failure: null,
      nextReviewId: "r-offer",
    };
    for (const [name, value, text] of told.has("offline") ? [] : steps) {
      await wait(900);
      acks = { ...acks, [name]: value };
      emit("decisionProgress", { ...base, acks, text });
    }
  }

  function rowsFor(filter: string, query: string): InboxRow[] {
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

  const pinFault = (pin: string | null): Answer<never> | null => {
    if (pin === "000000")
      return refuse("pin-wrong", "That is not your PIN. Nothing was signed. Four tries are left.", "pin");
    if (pin === "999999")
      return refuse("pin-locked-out", "Too many wrong PINs. Nothing was signed. Try again in 5 minutes.", "pin");
    return null;
  };

  return {
    calls,
    emit,
    failNext: (name, code) => failures.set(name, code),
    on(name, hear) {
      heard[name].add(hear);
      return () => heard[name].delete(hear);
    },
    appState: () => answer("appState", null, () => ok(state)),
    async tryLocally(r) {
      calls.push({ name: "tryLocally", request: r });
      if (r.personName === "Taken")
        return refuse("already-set-up", "Seamark is set up on this computer already. Restart the app to use it.");
      if (/^(.)\1+$/.test(r.pin))
        return refuse("pin-weak", "The same character over and over is easy to guess. Choose another PIN.", "pin");
      return setUp(true, r.personName);
    },
    async connect(r) {
      calls.push({ name: "connect", request: r });
      await wait(delay);
      if (r.address.includes("down"))
        return refuse(
          "address-unreachable",
          "Nothing answers at this address. Check it, and your network or proxy.",
          "address",
        );
      if (r.address.includes("other"))
        return refuse(
          "fingerprint-mismatch",
          "The gateway’s key is not the one in your invitation. Do not go on; ask whoever invited you.",
        );
      if (r.code.includes("bad"))
        return refuse(
          "invitation-invalid",
          "The code was used already, is too old, or was typed wrongly. Ask for a new one.",
          "code",
        );
      return setUp(false, "Robin Reyes");
    },
    inboxRows: (r) =>
      answer("inboxRows", r, () => {
        if (told.has("error"))
          return refuse(
            "storage-failed",
            "The local copy could not be read. Nothing was lost: the gateway has everything. Restart the app, then tell support.",
          );
        const all = rowsFor(r.filter, r.query);
        const isBig = told.has("big");
        const rows = isBig
          ? Array.from({ length: Math.min(r.limit, 100_000 - r.offset) }, (_, index): InboxRow => {
              const from = all[(r.offset + index) % all.length] ?? inboxRows[0];
              return {
                ...(from as InboxRow),
                reviewId: `r-${r.offset + index}`,
                group: { id: "all", label: "Everything" },
              };
            })
          : all.slice(r.offset, r.offset + r.limit);
        const filters = [
          { id: "mine", label: "Mine", count: rowsFor("mine", "").length },
          { id: "refund.issue", label: "Refunds", count: rowsFor("refund.issue", "").length },
          { id: "expiring", label: "Expiring", count: rowsFor("expiring", "").length },
          { id: "all", label: "All", count: rowsFor("all", "").length },
        ];
        return ok({
          rows,
          total: isBig ? 100_000 : all.length,
          offset: r.offset,
          version: 1,
          filters,
          stale: told.has("offline") ? "As of 10:31, when the connection was lost" : null,
        });
      }),
    openReview: (r) =>
      answer("openReview", r, () => {
        const pane = paneOf(r.reviewId === "r-unverified" ? "r-refund" : r.reviewId);
        if (pane === null)
          return refuse(
            "not-found",
            "This handoff is not on this computer. It may have been withdrawn. Go back to the inbox.",
          );
        const change = [...told].map((name) => CHANGES[name]).find((candidate) => candidate !== undefined);
        if (change !== undefined && delay > 0)
          setTimeout(() => emit("reviewChanged", { reviewId: r.reviewId, change }), 1_000);
        return ok(withState({ ...pane, reviewId: r.reviewId }, opened));
      }),
    noteOpened: (r) =>
      answer("noteOpened", r, () => {
        opened.add(`${r.reviewId} ${r.evidenceId}`);
        return ok(null);
      }),
    decide: (r) =>
      answer("decide", r, () => {
        const pane = paneOf(r.reviewId);
        const fault = pinFault(r.pin);
        if (state.signing.state === "keyring-locked")
          return refuse("keyring-locked", "Your keyring is locked. Unlock it, then look again. Nothing was signed.");
        if (fault !== null) return fault;
        const wrong = pane?.view.facts.find(
          (fact) =>
            fact.confirm &&
            r.decision === "approve" &&
            r.confirmed.every((typed) => typed.fact !== fact.id || typed.value !== fact.value),
        );
        if (wrong !== undefined)
          return refuse(
            "confirm-mismatch",
            `What you typed is not the value shown for “${wrong.label}”. Nothing was signed.`,
            wrong.id,
          );
        void walk(r);
        become({ signing: { state: "unlocked", unlockedUntil: at(15), text: "Signing key unlocked until 10:57" } });
        return ok({
          decisionId: "d-new",
          reviewId: r.reviewId,
          decision: r.decision,
          acks: { ...NO_ACKS, savedAt: at(1) },
          text: "Signed and saved on this computer.",
          failure: null,
          nextReviewId: "r-offer",
        });
      }),
    unlock: (r) =>
      answer(
        "unlock",
        { pin: r.pin.length },
        () =>
          pinFault(r.pin) ??
          ok(
            become({ signing: { state: "unlocked", unlockedUntil: at(15), text: "Signing key unlocked until 10:57" } }),
          ),
      ),
    lock: () => answer("lock", null, () => ok(become({ signing: appState().signing }))),
    outboxRows: () =>
      answer("outboxRows", null, () =>
        told.has("error")
          ? refuse(
              "storage-failed",
              "The journal could not be read. What was signed is still on the disk. Restart the app.",
            )
          : ok(told.has("empty") ? [] : outboxRows),
      ),
    auditRows: (r) =>
      answer("auditRows", r, () => {
        if (told.has("error"))
          return refuse(
            "offline",
            "The gateway does not answer. Past decisions of this computer are shown once it is back.",
          );
        const all = told.has("empty")
          ? []
          : auditRows.filter(
              (row) =>
                (r.outcome === null || row.outcome === r.outcome) &&
                (r.contract === null || row.contract === r.contract) &&
                `${row.line} ${row.by}`.toLowerCase().includes(r.query.toLowerCase()),
            );
        const count = (name: "outcome" | "contract") =>
          [...new Set(auditRows.map((row) => row[name]))].map((id) => ({
            id,
            label: id,
            count: auditRows.filter((row) => row[name] === id).length,
          }));
        return ok({
          rows: all.slice(r.offset, r.offset + r.limit),
          total: all.length,
          offset: r.offset,
          filters: { outcomes: count("outcome"), contracts: count("contract") },
          banner: { state: state.ledger.state, text: state.ledger.text },
        });
      }),
    auditRecord: (r) =>
      answer("auditRecord", r, () => {
        const record = recordOf(r.reviewId);
        return record === null
          ? refuse("not-found", "There is no record with this id. Go back to the decisions.")
          : ok(record);
      }),
    verifyRecord: (r) =>
      answer("verifyRecord", r, () =>
        ok(
          told.has("ledger-broken")
            ? claims.map((claim) =>
                claim.id === "inclusion"
                  ? {
                      ...claim,
                      verdict: "fail" as const,
                      sentence: "Entry 18191 does not lie in the ledger. Stop signing and tell your administrator.",
                    }
                  : claim,
              )
            : claims,
        ),
      ),
    artifactText: (r) =>
      answer("artifactText", r, () => ok(`RETURN LABEL\nParcel RT-5518\nDigest ${r.digest.slice(0, 8)}\n`)),
    saveDraft: (r) => answer("saveDraft", r, () => ok(null)),
    setAppearance: (r) => answer("setAppearance", r, () => ok(become({ appearance: r }))),
    retryKeyring: () => answer("retryKeyring", null, () => ok(become({ signing: appState().signing }))),
  };
}

function withState(pane: ReviewPane, opened: Set<string>): ReviewPane {
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
  const closed = (kind: ReviewPane["state"]["kind"], text: string, by: string | null) => ({
    ...base,
    state: { ...pane.state, kind, text, by, at: at(-11) },
  });
  if (pane.reviewId === "r-expired")
    return closed("expired", "The deadline passed at 10:38. It was rejected; no money moves.", null);
  if (pane.reviewId === "r-decided") return closed("approved", "Ana Duarte approved it at 10:31.", "Ana Duarte");
  if (pane.reviewId === "r-unverified")
    return {
      ...base,
      verifyError:
        "The gateway’s signature over this handoff does not fit its bytes. Do not approve it; tell your administrator.",
      canDecide: { ...base.canDecide, approve: ["It cannot be verified."] },
    };
  return base;
}

function firstState(told: ReadonlySet<string>): AppState {
  const state = appState();
  if (told.has("first-run") || told.has("setting-up")) {
    state.stage = told.has("setting-up") ? "setting-up" : "first-run";
    state.account = null;
    state.signing = { state: "none", unlockedUntil: null, text: "No signing key" };
  }
  if (told.has("offline"))
    state.connection = { ...state.connection, state: "offline", lastSyncAt: at(-11), retryInS: 8, text: "Offline" };
  if (told.has("refused"))
    state.connection = {
      ...state.connection,
      state: "refused",
      retryInS: null,
      text: "The gateway refuses this computer",
    };
  if (told.has("connecting")) state.connection = { ...state.connection, state: "connecting", text: "Connecting" };
  if (told.has("offline")) state.outbox = { waiting: 1, deliveredToday: 2 };
  if (told.has("unlocked"))
    state.signing = { state: "unlocked", unlockedUntil: at(15), text: "Signing key unlocked until 10:57" };
  if (told.has("keyring-locked"))
    state.signing = {
      state: "keyring-locked",
      unlockedUntil: null,
      text: "Your keyring is locked, so nothing can be signed. Unlock it, then look again.",
    };
  if (told.has("keyring-missing"))
    state.signing = {
      state: "keyring-missing",
      unlockedUntil: null,
      text: "The keyring that keeps half of your key was not found. Start it, then look again.",
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
