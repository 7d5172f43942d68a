-- Plans made through the API, scoring keys, the reports still to be made, and what was deleted.

-- A row without a text takes a plan of that id out of the bank.
CREATE TABLE plans (
    plan       TEXT    PRIMARY KEY NOT NULL,
    body       TEXT,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Under the fingerprint of their text, so that a session keeps the key it began with.
CREATE TABLE scorings (
    name TEXT PRIMARY KEY NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per session that was ever active and has ended.
CREATE TABLE report_jobs (
    session     TEXT    PRIMARY KEY NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- Why the last attempt failed.
    error       TEXT,
    due_at      INTEGER NOT NULL,
    -- While it runs: until when nobody else takes it.
    lease_until INTEGER,
    changed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX report_jobs_open ON report_jobs (due_at, session) WHERE state IN ('queued', 'running');
CREATE INDEX report_jobs_failed ON report_jobs (changed_at) WHERE state = 'failed';

-- Whoever ends a session, its report is due. An end by another program is not sealed: the owner
-- may be about to write the end and the report, so it is given a minute.
CREATE TRIGGER report_due
AFTER UPDATE OF status ON sessions
WHEN NEW.status = 'ended' AND OLD.status <> 'ended' AND NEW.started_at IS NOT NULL
BEGIN
    INSERT INTO report_jobs (session, state, due_at, changed_at)
    SELECT NEW.session, 'queued', at + CASE NEW.sealed WHEN 1 THEN 0 ELSE 60000 END, at
    FROM (SELECT coalesce(NEW.ended_at, CAST(unixepoch('subsec') * 1000 AS INTEGER)) AS at)
    WHERE true
    ON CONFLICT (session) DO NOTHING;
END;

CREATE TRIGGER report_due_at_once
AFTER INSERT ON sessions
WHEN NEW.status = 'ended' AND NEW.started_at IS NOT NULL
BEGIN
    INSERT INTO report_jobs (session, state, due_at, changed_at)
    VALUES (NEW.session, 'queued', NEW.ended_at, NEW.ended_at)
    ON CONFLICT (session) DO NOTHING;
END;

CREATE TRIGGER report_is_there
AFTER INSERT ON reports
BEGIN
    INSERT INTO report_jobs (session, state, due_at, changed_at)
    VALUES (NEW.session, 'done', NEW.made_at, NEW.made_at)
    ON CONFLICT (session) DO UPDATE
    SET state = 'done', error = NULL, lease_until = NULL, changed_at = NEW.made_at;
END;

INSERT INTO report_jobs (session, state, due_at, changed_at)
SELECT session,
       CASE WHEN EXISTS (SELECT 1 FROM reports r WHERE r.session = s.session)
           THEN 'done' ELSE 'queued' END,
       ended_at, ended_at
FROM sessions s
WHERE status = 'ended' AND started_at IS NOT NULL AND ended_at IS NOT NULL;

-- What of a session was deleted when; of one that was deleted as a whole the tombstone is left.
CREATE TABLE deletions (
    session    TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('audio', 'transcript', 'report')),
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (session, kind)
) STRICT, WITHOUT ROWID;
