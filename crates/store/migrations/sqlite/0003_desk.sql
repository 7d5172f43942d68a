-- What is kept for the operator: API keys, revocations, webhook deliveries.

CREATE TABLE api_keys (
    id         TEXT    PRIMARY KEY NOT NULL,
    name       TEXT    NOT NULL,
    -- SHA-256 of the whole key; the key itself is nowhere.
    hash       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- Tokens made at `before_ms` or earlier are good no more.
CREATE TABLE revocations (
    kind      TEXT    NOT NULL CHECK (kind IN ('user', 'session')),
    subject   TEXT    NOT NULL,
    before_ms INTEGER NOT NULL,
    made_by   TEXT    NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

-- Written by the transaction that commits what happened; gone once it stands in the deliveries.
CREATE TABLE hook_events (
    place   INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE TABLE hook_deliveries (
    id         TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    session    TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts   INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    status     INTEGER,
    error      TEXT,
    PRIMARY KEY (id, endpoint)
) STRICT, WITHOUT ROWID;

CREATE INDEX hook_deliveries_waiting ON hook_deliveries (endpoint, next_at) WHERE state = 'waiting';
CREATE INDEX hook_deliveries_created ON hook_deliveries (created_at, id, endpoint);
CREATE INDEX hook_deliveries_session ON hook_deliveries (session);
