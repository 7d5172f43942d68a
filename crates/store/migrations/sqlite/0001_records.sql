-- The records of interviews. Times are milliseconds since 1970 UTC; words are those of the wire.

-- One row per run of a server process. A session is stuck when the lease of its owner is over.
CREATE TABLE nodes (
    boot_id     TEXT    PRIMARY KEY NOT NULL,
    started_at  INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    session          TEXT    PRIMARY KEY NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('scheduled', 'active', 'completing', 'ended')),
    reason           TEXT    CHECK (reason IN (
        'completed', 'candidate_ended', 'interviewer_ended', 'admin_ended', 'api_ended',
        'closed_by_api', 'closed_externally', 'cleared_by_user', 'replaced_by_new_session',
        'declined', 'expired', 'max_duration', 'inactivity', 'abandoned', 'upload_timeout',
        'token_revoked', 'server_crash', 'store_lost', 'internal_error')),
    ended_by         TEXT,
    candidate        TEXT,
    title            TEXT    NOT NULL,
    snapshot         TEXT    NOT NULL,
    epoch            INTEGER NOT NULL,
    seq              INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    ended_at         INTEGER,
    duration_ms      INTEGER,
    deadline_at      INTEGER,
    last_activity_at INTEGER NOT NULL,
    -- Who may write this row: the boot id whose lease counts, and a number that grows with every
    -- change of owner.
    owner_boot       TEXT    NOT NULL,
    owner_generation INTEGER NOT NULL,
    -- 1 once the owner has written the end. An ended row that is not sealed was ended by another
    -- program, and the owner has yet to close the live session.
    sealed           INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1)),
    CHECK (reason IS NULL OR status = 'ended'),
    -- A program from outside may set the status alone; a trigger gives the reason at once.
    CHECK (status <> 'ended' OR sealed = 0 OR reason IS NOT NULL),
    CHECK (sealed = 0 OR status = 'ended'),
    CHECK (status = 'ended' OR deadline_at IS NOT NULL)
) STRICT;

CREATE INDEX sessions_created ON sessions (created_at, session);
CREATE INDEX sessions_candidate ON sessions (candidate) WHERE candidate IS NOT NULL;
CREATE INDEX sessions_unfinished ON sessions (owner_boot) WHERE status <> 'ended';
CREATE INDEX sessions_scheduled ON sessions (deadline_at) WHERE status = 'scheduled';
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE status = 'ended';
CREATE INDEX sessions_ended_elsewhere ON sessions (owner_boot) WHERE status = 'ended' AND sealed = 0;

CREATE TRIGGER sessions_stay_ended
BEFORE UPDATE ON sessions
WHEN OLD.status = 'ended'
    AND (NEW.status <> 'ended'
        OR NEW.sealed < OLD.sealed
        OR (OLD.sealed = 1 AND NEW.reason IS NOT OLD.reason))
BEGIN
    SELECT RAISE(ABORT, 'an ended session stays ended');
END;

CREATE TRIGGER sessions_ended_from_outside
AFTER UPDATE OF status ON sessions
WHEN NEW.status = 'ended' AND NEW.sealed = 0 AND (NEW.reason IS NULL OR NEW.ended_at IS NULL)
BEGIN
    UPDATE sessions
    SET reason = coalesce(NEW.reason, 'closed_externally'),
        ended_at = coalesce(NEW.ended_at, CAST(unixepoch('subsec') * 1000 AS INTEGER))
    WHERE session = NEW.session;
END;

CREATE TABLE participants (
    session     TEXT    NOT NULL REFERENCES sessions (session),
    user_id     TEXT    NOT NULL,
    participant INTEGER NOT NULL,
    role        TEXT    NOT NULL CHECK (role IN ('candidate', 'interviewer', 'observer')),
    -- Which connection holds the seat.
    generation  INTEGER NOT NULL,
    joined_at   INTEGER,
    PRIMARY KEY (session, user_id),
    UNIQUE (session, participant)
) STRICT, WITHOUT ROWID;

-- The log: seq 1, 2, 3 … without a hole per session, never changed once written.
CREATE TABLE events (
    session  TEXT    NOT NULL REFERENCES sessions (session),
    seq      INTEGER NOT NULL CHECK (seq > 0),
    at       INTEGER NOT NULL,
    -- Bits: 1 candidate, 2 interviewer, 4 observer.
    audience INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE answers (
    session  TEXT    NOT NULL REFERENCES sessions (session),
    question TEXT    NOT NULL,
    place    INTEGER NOT NULL,
    outcome  TEXT    NOT NULL CHECK (outcome IN ('answered', 'timed_out', 'skipped', 'lost')),
    from_ms  INTEGER NOT NULL,
    to_ms    INTEGER NOT NULL,
    limit_ms INTEGER NOT NULL,
    PRIMARY KEY (session, question)
) STRICT, WITHOUT ROWID;

-- Where the words of a final stand in the log.
CREATE TABLE segments (
    session   TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    user_id   TEXT    NOT NULL,
    stream    INTEGER NOT NULL,
    utterance INTEGER NOT NULL,
    question  TEXT,
    start_ms  INTEGER NOT NULL,
    end_ms    INTEGER NOT NULL,
    PRIMARY KEY (session, seq),
    FOREIGN KEY (session, seq) REFERENCES events (session, seq)
) STRICT, WITHOUT ROWID;

-- Requests that were answered durably, so that a repeat gets the same answer.
CREATE TABLE requests (
    place   INTEGER PRIMARY KEY,
    session TEXT NOT NULL REFERENCES sessions (session),
    user_id TEXT NOT NULL,
    id      TEXT NOT NULL,
    reply   TEXT NOT NULL,
    UNIQUE (session, user_id, id)
) STRICT;

CREATE TABLE reports (
    session TEXT    PRIMARY KEY NOT NULL REFERENCES sessions (session),
    made_at INTEGER NOT NULL,
    body    TEXT    NOT NULL
) STRICT;

-- Sessions whose records were deleted by id: their ids are never used again.
CREATE TABLE tombstones (
    session    TEXT    PRIMARY KEY NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
