-- The desk's own database. Times are milliseconds since 1970-01-01T00:00:00Z, flags are 0 or 1.
-- First version: no older build exists that could open it.

-- What the inbox shows of a review. Narrow, so that a window into 100,000 rows reads few pages; the document is beside it.
CREATE TABLE review (
    review_id     TEXT    NOT NULL PRIMARY KEY,
    handoff_id    TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    is_closed     INTEGER NOT NULL,
    -- Place in the list: the deadline of an open review; of a closed one its end, negative, so that the newest is first.
    place         INTEGER NOT NULL,
    -- Digest of the handoff statement, hex.
    statement     TEXT    NOT NULL,
    contract      TEXT    NOT NULL,
    line          TEXT    NOT NULL,
    context       TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    tier          TEXT    NOT NULL,
    -- Lower-case text that a search looks through.
    search        TEXT    NOT NULL,
    is_mine       INTEGER NOT NULL,
    is_seen       INTEGER NOT NULL DEFAULT 0,
    is_changed    INTEGER NOT NULL DEFAULT 0,
    -- Why the statement could not be verified; absent when it could.
    fault         TEXT,
    -- Who closed it, by the printed name.
    closed_by     TEXT,
    closed_at     INTEGER,
    opened_at     INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX review_by_place ON review (is_closed, place, review_id);
CREATE INDEX review_by_mine ON review (is_closed, is_mine, place, review_id);
CREATE INDEX review_by_contract ON review (is_closed, contract, place, review_id);
CREATE INDEX review_seen_by_handoff ON review (handoff_id) WHERE is_seen = 1;

-- The review as the gateway sent it, whole.
CREATE TABLE document (
    review_id TEXT NOT NULL PRIMARY KEY REFERENCES review (review_id) ON DELETE CASCADE,
    body      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Contracts by the digest that statements name.
CREATE TABLE contract (
    digest  TEXT NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    bytes   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Every decision signed on this desk, for ever. Rows are added and carried forward, never deleted (invariant B1).
CREATE TABLE journal (
    decision_id  TEXT    NOT NULL PRIMARY KEY,
    review_id    TEXT    NOT NULL,
    handoff_id   TEXT    NOT NULL,
    decision     TEXT    NOT NULL,
    line         TEXT    NOT NULL,
    -- DSSE envelope and the view's canonical bytes, as they are sent.
    envelope     TEXT    NOT NULL,
    view         TEXT    NOT NULL,
    saved_at     INTEGER NOT NULL,
    -- waiting | recorded | parked
    phase        TEXT    NOT NULL,
    n_tries      INTEGER NOT NULL DEFAULT 0,
    next_try_at  INTEGER,
    -- In words: why the last try did not arrive, or why it is parked.
    problem      TEXT,
    recorded_at  INTEGER,
    seq          INTEGER,
    leaf         TEXT,
    -- The inclusion of the entry was proven to this desk.
    is_proven    INTEGER NOT NULL DEFAULT 0,
    counted_at   INTEGER,
    not_counted  TEXT,
    delivered_at INTEGER,
    executed     TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX journal_by_phase ON journal (phase, next_try_at);
CREATE INDEX journal_by_review ON journal (review_id);
CREATE INDEX journal_by_saved ON journal (saved_at);

-- Unfinished reasons and questions.
CREATE TABLE draft (
    review_id TEXT NOT NULL PRIMARY KEY,
    text      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Single facts: the stream's cursor, the remembered ledger head, wrong PINs, the appearance. Values are JSON.
CREATE TABLE fact (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
