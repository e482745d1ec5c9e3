-- Agent keys have a side: who hands over is not who acts. Older builds cannot open the file after this: they would let
-- every key act as every destination again.

-- 'source' or 'destination'; NULL is both, of the key's own agent.
ALTER TABLE agent_key ADD COLUMN side TEXT CHECK (side IN ('source', 'destination'));
-- JSON array of the urns of further agents as which the key may act when they are destinations; ["*"] is every destination.
ALTER TABLE agent_key ADD COLUMN acts_for TEXT NOT NULL DEFAULT '[]';
-- Until here every key could act as the destination of every contract that it is for. Such keys keep that, and say so.
UPDATE agent_key SET acts_for = '["*"]';
