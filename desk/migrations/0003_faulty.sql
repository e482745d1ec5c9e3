-- At each contact the reviews that could not be verified are tried again. Without this index that read all the others too.
-- Older builds can still open the file.
CREATE INDEX review_with_fault ON review (review_id) WHERE is_closed = 0 AND fault IS NOT NULL;
