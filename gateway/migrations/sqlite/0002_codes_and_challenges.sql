-- The same bytes may be refused for another reason later; each reason is kept once.
-- Challenges are held by nobody any more (FORMATS.md, section 1.2).
-- Older builds cannot open the file after this.

CREATE TABLE refusal_by_code (
    no          INTEGER PRIMARY KEY,
    submitter   TEXT NOT NULL,
    handoff_id  TEXT,
    body_mac    BLOB NOT NULL,
    raw         BLOB,
    code        TEXT NOT NULL,
    status      INTEGER NOT NULL,
    problem     TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    UNIQUE (submitter, body_mac, code)
) STRICT;
INSERT INTO refusal_by_code (no, submitter, handoff_id, body_mac, raw, code, status, problem, created_ms)
    SELECT no, submitter, handoff_id, body_mac, raw, json_extract(problem, '$.code'), status, problem, created_ms FROM refusal;
DROP TABLE refusal;
ALTER TABLE refusal_by_code RENAME TO refusal;
CREATE INDEX refusal_handoff ON refusal (submitter, handoff_id, no);

DROP TABLE challenge;
