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
