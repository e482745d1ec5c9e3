-- Who got something, so that a name that only looks like a known one is found (attack A5).
-- Older builds cannot open the file after this: they would not remember the names of what they admit.

-- The names of a content; `content` is the attempt that brought it. Erased with it.
CREATE TABLE counterparty (
    content   INTEGER NOT NULL,
    path      TEXT NOT NULL,
    contract  TEXT NOT NULL,
    value     TEXT NOT NULL,
    written   TEXT NOT NULL,
    lowercase TEXT NOT NULL,
    PRIMARY KEY (content, path)
) STRICT, WITHOUT ROWID;

-- Names that were approved or passed on at least once.
CREATE TABLE known_counterparty (
    contract  TEXT NOT NULL,
    path      TEXT NOT NULL,
    value     TEXT NOT NULL,
    written   TEXT NOT NULL,
    lowercase TEXT NOT NULL,
    PRIMARY KEY (contract, path, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_counterparty_written ON known_counterparty (contract, path, written);
CREATE INDEX known_counterparty_lowercase ON known_counterparty (contract, path, lowercase);
