-- The organisation's root is outside of the gateway: what it signed, and what waits for its signature.

-- Roots, one after the other; each signs directories from `first_version` on. `no` is the entry that brought it: the genesis,
-- the directory with which the root before it named it, or, in a folder that an earlier build made, `config.changed`.
CREATE TABLE root (
    no            INTEGER PRIMARY KEY,
    public_key    BLOB NOT NULL UNIQUE,
    first_version INTEGER NOT NULL UNIQUE
) STRICT;

-- At most one row: the directory that should follow the newest one, made anew with every change. `no` is the newest entry that
-- it holds the change of. It goes away when it was signed.
CREATE TABLE proposal (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    no        INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    statement BLOB NOT NULL,
    from_ms   INTEGER NOT NULL,
    to_ms     INTEGER NOT NULL
) STRICT;
