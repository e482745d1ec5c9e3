-- The whole state of one gateway. Times are milliseconds since 1970-01-01T00:00:00Z, digests and keys are raw bytes.
--
-- The primary key `no` of a row is the `seq` of the ledger entry that recorded it: a row without its entry cannot be
-- named (invariant D1), and the re-check finds the entry of every row without a search.
-- Older builds cannot open this file; there are none.

CREATE TABLE gateway (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    org      TEXT NOT NULL,
    origin   TEXT NOT NULL,
    instance TEXT NOT NULL
) STRICT;

-- One row: read and written inside every transaction that appends, so two processes cannot both append.
CREATE TABLE ledger_head (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    size       INTEGER NOT NULL,
    frontier   BLOB NOT NULL,
    at_ms      INTEGER NOT NULL,
    stream_pos INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger_entry (
    seq     INTEGER PRIMARY KEY,
    handoff INTEGER,
    kind    TEXT NOT NULL,
    leaf    BLOB NOT NULL,
    bytes   BLOB NOT NULL
) STRICT;
CREATE INDEX ledger_entry_handoff ON ledger_entry (handoff, seq) WHERE handoff IS NOT NULL;

-- Event bodies ({v,type,nonce,...}); their digest is the entry's `object`.
CREATE TABLE ledger_body (
    seq   INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- Hashes of complete subtrees, 256 to a row: level 0 holds leaves, level 1 the roots of 256 leaves, and so on.
-- Rows of level 0 are written when they are full; those above grow by one hash at a time.
CREATE TABLE ledger_tile (
    level  INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- (size, root) is fixed in the transaction that reaches the size, before anything is signed (invariant D4).
CREATE TABLE ledger_checkpoint (
    size  INTEGER PRIMARY KEY,
    root  BLOB NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE contract (
    no           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    version      TEXT NOT NULL,
    digest       BLOB NOT NULL,
    canonical    BLOB NOT NULL,
    published_ms INTEGER NOT NULL,
    UNIQUE (name, version)
) STRICT;

CREATE TABLE agent_key (
    no         INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    secret     BLOB NOT NULL UNIQUE,
    agent      TEXT NOT NULL,
    contracts  TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE person (
    no         INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    roles      TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE invitation (
    no         INTEGER PRIMARY KEY,
    code       BLOB NOT NULL UNIQUE,
    person     TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER
) STRICT;

CREATE TABLE signing_key (
    no          INTEGER PRIMARY KEY,
    keyid       TEXT NOT NULL UNIQUE,
    public_key  BLOB NOT NULL,
    purpose     TEXT NOT NULL,
    subject     TEXT NOT NULL,
    device_name TEXT,
    device      TEXT,
    from_ms     INTEGER NOT NULL,
    to_ms       INTEGER
) STRICT;
CREATE INDEX signing_key_subject ON signing_key (subject, purpose);

CREATE TABLE directory (
    version   INTEGER PRIMARY KEY,
    no        INTEGER NOT NULL UNIQUE,
    statement BLOB NOT NULL,
    signature BLOB NOT NULL,
    from_ms   INTEGER NOT NULL,
    to_ms     INTEGER NOT NULL
) STRICT;

-- Not in the ledger: whoever holds the device key can make these again at any time.
CREATE TABLE challenge (
    challenge  BLOB PRIMARY KEY,
    keyid      TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    token      BLOB PRIMARY KEY,
    keyid      TEXT NOT NULL,
    person     TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per (submitter, handoff id) for ever (invariant A1).
CREATE TABLE handoff (
    no             INTEGER PRIMARY KEY,
    handoff_id     TEXT NOT NULL,
    submitter      TEXT NOT NULL,
    ref            TEXT NOT NULL,
    contract       TEXT NOT NULL,
    source         TEXT NOT NULL,
    destination    TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    UNIQUE (handoff_id, submitter)
) STRICT;
CREATE INDEX handoff_chain ON handoff (correlation_id, submitter, no);

-- One row per signed handoff statement; with a review when the gate asks for a person.
CREATE TABLE attempt (
    no               INTEGER PRIMARY KEY,
    handoff          INTEGER NOT NULL REFERENCES handoff (no),
    revision         INTEGER NOT NULL,
    attempt          TEXT NOT NULL,
    body_mac         BLOB NOT NULL,
    content          INTEGER NOT NULL,
    contract_name    TEXT NOT NULL,
    contract_version TEXT NOT NULL,
    statement_digest BLOB NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('passed', 'open', 'approved', 'rejected', 'expired', 'withdrawn', 'superseded')),
    review_id        TEXT UNIQUE,
    version          INTEGER NOT NULL,
    candidates       TEXT NOT NULL,
    opened_ms        INTEGER NOT NULL,
    expires_ms       INTEGER,
    closed_ms        INTEGER,
    superseded_by    INTEGER,
    consumed_no      INTEGER,
    delivered_ms     INTEGER
) STRICT;
CREATE INDEX attempt_handoff ON attempt (handoff, no);
CREATE INDEX attempt_open ON attempt (no) WHERE state = 'open';
CREATE INDEX attempt_due ON attempt (expires_ms) WHERE state = 'open';
CREATE INDEX attempt_closed ON attempt (closed_ms, no) WHERE closed_ms IS NOT NULL;

-- What the gateway signed, apart from the changing row above so that a change rewrites little.
CREATE TABLE statement (
    no        INTEGER PRIMARY KEY,
    bytes     BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- What may be erased: the submitted bytes, and salts with values. `no` is the attempt that brought the content.
CREATE TABLE payload (
    no          INTEGER PRIMARY KEY,
    raw         BLOB,
    disclosures TEXT
) STRICT;

CREATE TABLE artifact (
    content INTEGER NOT NULL,
    digest  BLOB NOT NULL,
    salt    BLOB,
    bytes   BLOB,
    PRIMARY KEY (content, digest)
) STRICT, WITHOUT ROWID;

-- Submissions that were not admitted. In no reviewer's route.
CREATE TABLE refusal (
    no          INTEGER PRIMARY KEY,
    submitter   TEXT NOT NULL,
    handoff_id  TEXT,
    body_mac    BLOB NOT NULL,
    raw         BLOB,
    status      INTEGER NOT NULL,
    problem     TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    UNIQUE (submitter, body_mac)
) STRICT;

CREATE TABLE presented (
    no        INTEGER PRIMARY KEY,
    attempt   INTEGER NOT NULL REFERENCES attempt (no),
    person    TEXT NOT NULL,
    digest    BLOB NOT NULL,
    view      BLOB NOT NULL,
    opened_ms INTEGER NOT NULL,
    UNIQUE (attempt, person, digest)
) STRICT;

-- One decision of a person in an attempt, for ever (invariant B9).
CREATE TABLE decision (
    no          INTEGER PRIMARY KEY,
    decision_id TEXT NOT NULL UNIQUE,
    attempt     INTEGER NOT NULL REFERENCES attempt (no),
    person      TEXT NOT NULL,
    person_name TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('approve', 'reject', 'escalate')),
    digest      BLOB NOT NULL,
    envelope    TEXT NOT NULL,
    view        BLOB NOT NULL,
    decided_ms  INTEGER NOT NULL,
    recorded_ms INTEGER NOT NULL,
    leaf        BLOB NOT NULL,
    counted     INTEGER NOT NULL,
    why         TEXT,
    UNIQUE (attempt, person)
) STRICT;

-- At most one outcome per attempt (invariant B2).
CREATE TABLE outcome (
    no         INTEGER PRIMARY KEY,
    outcome_id TEXT NOT NULL UNIQUE,
    attempt    INTEGER NOT NULL UNIQUE REFERENCES attempt (no),
    kind       TEXT NOT NULL,
    cause      TEXT NOT NULL,
    digest     BLOB NOT NULL,
    statement  BLOB NOT NULL,
    signature  BLOB NOT NULL,
    formed_ms  INTEGER NOT NULL,
    stream_pos INTEGER NOT NULL
) STRICT;

CREATE TABLE execution (
    no          INTEGER PRIMARY KEY,
    attempt     INTEGER NOT NULL UNIQUE REFERENCES attempt (no),
    digest      BLOB NOT NULL,
    envelope    TEXT NOT NULL,
    result      TEXT NOT NULL,
    phase       TEXT,
    code        TEXT,
    executor    TEXT NOT NULL,
    executed_ms INTEGER NOT NULL
) STRICT;

-- What changed, in commit order, for desks and agents that follow along.
CREATE TABLE stream (
    pos     INTEGER PRIMARY KEY,
    attempt INTEGER,
    kind    TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook (
    no         INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    agent      TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    url        TEXT NOT NULL,
    is_enabled INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_agent ON webhook (agent);

-- Written with the outcome (invariant C1), and kept until acknowledged or parked (C2). `body` never changes (C3).
CREATE TABLE outbox (
    outcome    INTEGER NOT NULL REFERENCES outcome (no),
    webhook    TEXT NOT NULL,
    outcome_id TEXT NOT NULL,
    body       BLOB NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'parked')),
    n_tries    INTEGER NOT NULL,
    next_ms    INTEGER NOT NULL,
    fence      INTEGER NOT NULL,
    claimed_ms INTEGER NOT NULL,
    last_error TEXT,
    PRIMARY KEY (outcome, webhook)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (next_ms) WHERE state = 'waiting';
