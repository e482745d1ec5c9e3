-- Requests to read a masked field: those that were answered with its value, and those that were refused for lack of right.
-- Older builds would find entries without rows in the re-check and cannot open the file after this.

CREATE TABLE reveal (
    no        INTEGER PRIMARY KEY,
    attempt   INTEGER NOT NULL REFERENCES attempt (no),
    person    TEXT NOT NULL,
    device    TEXT NOT NULL,
    reveal_id TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('revealed', 'refused')),
    -- Of what was revealed; a refused request may have named anything.
    path      TEXT,
    digest    TEXT,
    at_ms     INTEGER NOT NULL,
    copied_no INTEGER,
    UNIQUE (person, reveal_id),
    CHECK ((state = 'revealed') = (path IS NOT NULL AND digest IS NOT NULL))
) STRICT;
CREATE INDEX reveal_rate ON reveal (person, at_ms);
