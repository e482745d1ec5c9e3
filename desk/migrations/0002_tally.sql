-- How many reviews there are of each kind, kept beside them, so that nobody counts 100,000 rows to show a number.
CREATE TABLE tally (
    contract  TEXT    NOT NULL,
    is_closed INTEGER NOT NULL,
    is_mine   INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    PRIMARY KEY (contract, is_closed, is_mine)
) STRICT, WITHOUT ROWID;

INSERT INTO tally (contract, is_closed, is_mine, n)
SELECT contract, is_closed, is_mine, count(*) FROM review GROUP BY contract, is_closed, is_mine;

CREATE TRIGGER review_is_added AFTER INSERT ON review
BEGIN
    INSERT INTO tally (contract, is_closed, is_mine, n) VALUES (NEW.contract, NEW.is_closed, NEW.is_mine, 1)
        ON CONFLICT (contract, is_closed, is_mine) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER review_is_removed AFTER DELETE ON review
BEGIN
    UPDATE tally SET n = n - 1
        WHERE contract = OLD.contract AND is_closed = OLD.is_closed AND is_mine = OLD.is_mine;
END;

CREATE TRIGGER review_is_moved AFTER UPDATE OF contract, is_closed, is_mine ON review
WHEN OLD.contract <> NEW.contract OR OLD.is_closed <> NEW.is_closed OR OLD.is_mine <> NEW.is_mine
BEGIN
    UPDATE tally SET n = n - 1
        WHERE contract = OLD.contract AND is_closed = OLD.is_closed AND is_mine = OLD.is_mine;
    INSERT INTO tally (contract, is_closed, is_mine, n) VALUES (NEW.contract, NEW.is_closed, NEW.is_mine, 1)
        ON CONFLICT (contract, is_closed, is_mine) DO UPDATE SET n = n + 1;
END;
