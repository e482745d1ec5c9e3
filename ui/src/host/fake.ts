// The host in memory: development, demonstration and tests. It answers like the app and can be told to fail.
//
// Scenarios, separated by commas: first-run, setting-up, offline, refused, connecting, unlocked, keyring-locked,
// waiting, new-root, keyring-missing, keyring-stays (trying again does not help), pin-locked-out, gateway-starting, gateway-failed, ledger-broken, empty, loading, error, big, progress-slow; and, one second after a review is opened:
// changed, expired, decided, withdrawn; those of masked fields are in fake-reveal.ts. Sentinels: PIN 000000 is wrong, 999999 is locked out; person "Taken" is set up
// already; an address with "down" does not answer; a code with "bad" does not work; reviews r-unverified, r-missing.
import { auditPage, claimsOf, outboxRows, recordOf, savedAs } from "./fake-archive";
import { NO_ACKS, appState, paneOf } from "./fake-data";
import { ledgerView, savedAlarm } from "./fake-ledger";
import { revealCommands } from "./fake-reveal";
import { CHANGES, UNLOCKED, firstState, inboxPage, ok, pinFault, refuse, rootFault, withState } from "./fake-scenario";
import { at, hex } from "./fake-view";
import type {
  Acks,
  Answer,
  AppErrorCode,
  AppState,
  DecideRequest,
  Host,
  HostEvents,
  ReviewChange,
  ReviewPane,
} from "./host";

export interface FakeOptions {
  scenario?: string;
  /** How long each answer and each step takes, in ms; 0 answers at once. */
  delay?: number;
}

export interface FakeHost extends Host {
  /** Every command that was called, in order. */
  calls: { name: string; request: unknown }[];
  emit<Name extends keyof HostEvents>(name: Name, payload: HostEvents[Name]): void;
  /** Something happens to a review: told at once, and true from then on. */
  changeReview(reviewId: string, change: ReviewChange): void;
  /** As `changeReview`, but nobody is told. */
  endQuietly(reviewId: string, change: ReviewChange): void;
  /** The next call of this command fails with this code. */
  failNext(name: string, code: AppErrorCode): void;
}

export function makeFakeHost({ scenario = "", delay = 60 }: FakeOptions = {}): FakeHost {
  const told = new Set(scenario.split(",").filter((part) => part !== ""));
  const heard: { [Name in keyof HostEvents]: Set<(payload: HostEvents[Name]) => void> } = {
    appState: new Set(),
    inboxChanged: new Set(),
    reviewChanged: new Set(),
    decisionProgress: new Set(),
    fieldsMasked: new Set(),
    setupProgress: new Set(),
  };
  const calls: FakeHost["calls"] = [];
  const failures = new Map<string, AppErrorCode>();
  const opened = new Set<string>();
  const drafts = new Map<string, string>();
  const ends = new Map<string, ReviewChange>();
  const disclosed = new Map<string, string[]>();
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
  function changeReview(reviewId: string, change: ReviewChange): void {
    ends.set(reviewId, change);
    emit("reviewChanged", { reviewId, change });
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

  /** A pane as it is now: what was opened, revealed, begun to write and ended is in it. */
  function paneNow(reviewId: string): ReviewPane | null {
    const pane = paneOf(reviewId === "r-unverified" ? "r-refund" : reviewId);
    if (pane === null) return null;
    const named = disclosed.get(reviewId) ?? [];
    const viewDigest = named.length === 0 ? pane.viewDigest : hex(`view ${reviewId} ${named.length}`);
    const shown = { ...pane, viewDigest, view: { ...pane.view, disclosed: named } };
    return withState({ ...shown, reviewId, draft: drafts.get(reviewId) ?? "" }, opened, ends.get(reviewId));
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

  return {
    calls,
    emit,
    changeReview,
    endQuietly: (reviewId, change) => void ends.set(reviewId, change),
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
      if (r.personName === "Locked") {
        become({ stage: "setting-up" });
        await wait(delay);
        become({ stage: "first-run" });
        return refuse("keyring-locked", "Your keyring is locked, so no key can be kept. Unlock it, then try again.");
      }
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
    inboxRows: (r) => answer("inboxRows", r, () => inboxPage(r, told)),
    openReview: (r) =>
      answer("openReview", r, () => {
        const pane = paneNow(r.reviewId);
        if (pane === null)
          return refuse(
            "not-found",
            "This handoff is not on this computer. It may have been withdrawn. Go back to the inbox.",
          );
        const change = [...told].map((name) => CHANGES[name]).find((candidate) => candidate !== undefined);
        if (change !== undefined && delay > 0) setTimeout(() => changeReview(r.reviewId, change), 1_000);
        return ok(pane);
      }),
    noteOpened: (r) =>
      answer("noteOpened", r, () => {
        opened.add(`${r.reviewId} ${r.evidenceId}`);
        return ok(null);
      }),
    ...revealCommands({
      told,
      answer,
      paneNow,
      disclose: (reviewId, digest) => disclosed.set(reviewId, [digest]),
    }),
    decide: (r) =>
      answer("decide", r, () => {
        const pane = paneOf(r.reviewId);
        const fault = pinFault(r.pin);
        if (state.signing.state === "keyring-locked")
          return refuse(
            "keyring-locked",
            "Your keyring is locked, so nothing can be signed. Unlock it, then try again.",
          );
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
        become({ signing: UNLOCKED });
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
    unlock: (r) => answer("unlock", { pin: r.pin.length }, () => pinFault(r.pin) ?? ok(become({ signing: UNLOCKED }))),
    changePin: (r) =>
      answer("changePin", { pin: r.pin.length, newPin: r.newPin.length }, () => {
        if (r.newPin === r.pin) return refuse("pin-weak", "This is the PIN that you have. Choose another.", "newPin");
        return pinFault(r.pin) ?? ok(become({ signing: appState().signing }));
      }),
    pinRoot: (r) =>
      answer(
        "pinRoot",
        r,
        () => rootFault(state, r.fingerprint) ?? ok(become({ newRoot: null, connection: appState().connection })),
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
    auditRows: (r) => answer("auditRows", r, () => auditPage(r, told, state)),
    auditRecord: (r) =>
      answer("auditRecord", r, () => {
        const record = recordOf(r.reviewId);
        return record === null
          ? refuse("not-found", "There is no record with this id. Go back to the decisions.")
          : ok(record);
      }),
    verifyRecord: (r) => answer("verifyRecord", r, () => ok(claimsOf(told))),
    saveEvidence: (r) => answer("saveEvidence", r, () => ok(savedAs(".seamark.zip"))),
    saveReport: (r) => answer("saveReport", r, () => ok(savedAs(".pdf"))),
    ledger: () =>
      answer("ledger", null, () =>
        told.has("error") ? refuse("storage-failed", "Restart the app.") : ok(ledgerView(told)),
      ),
    saveAlarm: () => answer("saveAlarm", null, () => ok(savedAlarm)),
    artifactText: (r) =>
      answer("artifactText", r, () => ok(`RETURN LABEL\nParcel RT-5518\nDigest ${r.digest.slice(0, 8)}\n`)),
    saveDraft: (r) =>
      answer("saveDraft", r, () => {
        drafts.set(r.reviewId, r.text);
        return ok(null);
      }),
    setAppearance: (r) => answer("setAppearance", r, () => ok(become({ appearance: r }))),
    retryKeyring: () =>
      answer("retryKeyring", null, () => ok(become(told.has("keyring-stays") ? {} : { signing: appState().signing }))),
  };
}
