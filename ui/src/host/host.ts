// What the page needs from outside. The app gives the Tauri host, development and tests the one in memory.
// Every other file takes its types from here, so that a generated name is spelled in one place.
import type { AppError, AppState, DecisionProgress, commands } from "./bindings";
import type {
  FieldsMasked,
  InboxChanged,
  InboxPage,
  RecordView,
  ReviewChanged,
  ReviewPane,
  SetupProgress,
} from "./bindings";

export type {
  Acks,
  AlarmView,
  AppError,
  AppErrorCode,
  AppState,
  AuditPage,
  AuditRequest,
  Claim,
  DecideRequest,
  DecisionKind,
  DecisionProgress,
  HeadView,
  InboxPage,
  InboxRow,
  LedgerView,
  OutboxRow,
  PurposeCode,
  RecordView,
  ReviewChange,
  RevealFieldRequest,
  ReviewPane,
  SavedAlarm,
  SavedEvidence,
  SetupProgress,
} from "./bindings";

export type View = ReviewPane["view"];
export type RecordedView = RecordView["view"];
export type Fact = View["facts"][number];
export type Evidence = View["evidence"][number];
export type TreeRow = View["payload"][number];
export type Tier = View["tier"];
export type Warning = View["warnings"][number];
export type Filter = InboxPage["filters"][number];
export type Appearance = AppState["appearance"];
export type Theme = Appearance["theme"];
export type Density = Appearance["density"];
export type RecordDecision = RecordView["decisions"][number];

/** What a command answers: never an exception for a failure that has a code. */
export type Answer<T> = { status: "ok"; data: T } | { status: "error"; error: AppError };

export interface HostEvents {
  appState: AppState;
  inboxChanged: InboxChanged;
  reviewChanged: ReviewChanged;
  decisionProgress: DecisionProgress;
  fieldsMasked: FieldsMasked;
  setupProgress: SetupProgress;
}

export type Commands = typeof commands;

export interface Host extends Commands {
  /** Calls `hear` at each event until the returned function is called. */
  on<Name extends keyof HostEvents>(name: Name, hear: (payload: HostEvents[Name]) => void): () => void;
}
