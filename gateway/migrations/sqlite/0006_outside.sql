-- What somebody outside says about the ledger's heads.

-- Lines of outside witnesses over a checkpoint. They prove themselves and change nothing that is recorded, so they have no
-- entry of their own: each entry would be a new head to be cosigned.
CREATE TABLE ledger_cosignature (
    size    INTEGER NOT NULL,
    -- The witness's vkey.
    witness TEXT NOT NULL,
    -- With its line feed.
    line    TEXT NOT NULL,
    kept_ms INTEGER NOT NULL,
    PRIMARY KEY (size, witness)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_cosignature_witness ON ledger_cosignature (witness, size);

-- A witness that contradicts this ledger.
CREATE TABLE witness_alarm (
    no        INTEGER PRIMARY KEY,
    witness   TEXT NOT NULL,
    cause     TEXT NOT NULL,
    -- What the witness says that it cosigned last.
    seen_size INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;

-- A time-stamp of an authority over the checkpoint of a size.
CREATE TABLE ledger_timestamp (
    no    INTEGER PRIMARY KEY,
    size  INTEGER NOT NULL,
    -- The authority's answer, DER.
    token BLOB NOT NULL,
    -- What the token says.
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_timestamp_size ON ledger_timestamp (size);
