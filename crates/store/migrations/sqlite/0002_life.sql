-- A session outlives the process that runs it: who sat where, with which key, since when away;
-- when a process was last alive; and what happened beside the log.

ALTER TABLE nodes ADD COLUMN seen_at INTEGER;
-- The same moment by a monotonic clock, and that clock's name: wall clocks jump.
ALTER TABLE nodes ADD COLUMN seen_mono INTEGER;
ALTER TABLE nodes ADD COLUMN clock TEXT NOT NULL DEFAULT '';
-- 1: it went by itself, at exactly that moment.
ALTER TABLE nodes ADD COLUMN left_clean INTEGER NOT NULL DEFAULT 0 CHECK (left_clean IN (0, 1));

-- The first half of the SHA-256 of the holder's resume key.
ALTER TABLE participants ADD COLUMN resume_key BLOB;
ALTER TABLE participants ADD COLUMN away_since INTEGER;
-- 0: the seat was given up; the row remembers who was there.
ALTER TABLE participants ADD COLUMN seated INTEGER NOT NULL DEFAULT 1 CHECK (seated IN (0, 1));

CREATE TABLE happenings (
    session TEXT    NOT NULL REFERENCES sessions (session),
    place   INTEGER NOT NULL CHECK (place > 0),
    at      INTEGER NOT NULL,
    what    TEXT    NOT NULL,
    user_id TEXT,
    detail  TEXT    NOT NULL,
    PRIMARY KEY (session, place)
) STRICT, WITHOUT ROWID;
