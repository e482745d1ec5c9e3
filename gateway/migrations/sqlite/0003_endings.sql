-- What was given can be ended. Rows stay; an end is a time and the position of the entry that recorded it.
-- Older builds cannot open the file after this: they would let in what has ended.

ALTER TABLE agent_key ADD COLUMN ended_ms INTEGER;
ALTER TABLE agent_key ADD COLUMN ended_no INTEGER;

-- `to_ms` is the first moment without the key.
ALTER TABLE signing_key ADD COLUMN ended_no INTEGER;

-- Set while the person has ended; a new invitation takes it away again, and what ended stays so.
ALTER TABLE person ADD COLUMN ended_ms INTEGER;

ALTER TABLE invitation ADD COLUMN ended_ms INTEGER;
CREATE INDEX invitation_person ON invitation (person);

CREATE INDEX session_keyid ON session (keyid, expires_ms);
