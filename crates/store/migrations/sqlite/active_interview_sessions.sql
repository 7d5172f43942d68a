-- Which interview a candidate is in. Made anew when it is missing, at a start and within seconds:
-- interviews go on without it. Times are UTC text as SQLite's own date functions write it.
CREATE TABLE IF NOT EXISTS active_interview_sessions (
    user_id    TEXT PRIMARY KEY NOT NULL,
    session_id TEXT NOT NULL,
    status     TEXT DEFAULT 'active' CHECK (status IN ('active', 'completing')),
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX IF NOT EXISTS idx_active_sessions_created_at ON active_interview_sessions (created_at);
CREATE INDEX IF NOT EXISTS idx_active_sessions_user_id ON active_interview_sessions (user_id);
