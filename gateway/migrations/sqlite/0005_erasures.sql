-- Payloads that were erased, on request or because their time was over. What was signed and recorded stays.
-- Older builds cannot open the file after this: they would call an erased payload damaged or bring a name back.

-- `no` is the position of `erasure.performed` or `retention.applied`; without a handoff, refused submissions were erased.
CREATE TABLE erasure (
    no      INTEGER PRIMARY KEY,
    handoff INTEGER,
    at_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX erasure_handoff ON erasure (handoff) WHERE handoff IS NOT NULL;

CREATE INDEX payload_kept ON payload (no) WHERE raw IS NOT NULL OR disclosures IS NOT NULL;
CREATE INDEX refusal_kept ON refusal (created_ms) WHERE raw IS NOT NULL;
CREATE INDEX counterparty_value ON counterparty (contract, path, value);
