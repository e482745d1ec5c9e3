-- Decisions look up the reveals of their attempt inside the writer.
-- Older builds can open the file after this.

CREATE INDEX reveal_attempt ON reveal (attempt, device, digest) WHERE state = 'revealed';
