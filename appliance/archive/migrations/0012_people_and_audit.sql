-- People: PINs on shared PCs, second factor, language, throttling that outlives a restart; and the audit trail.

ALTER TABLE account ADD COLUMN disabled_at TEXT;
ALTER TABLE account ADD COLUMN pin_hash TEXT;
ALTER TABLE account ADD COLUMN totp_secret TEXT;                 -- set: a code of an authenticator is asked for
ALTER TABLE account ADD COLUMN totp_last_step INTEGER;           -- a code serves once
ALTER TABLE account ADD COLUMN language TEXT;
ALTER TABLE account ADD COLUMN last_log_in_at TEXT;

-- A PC of the clinic on which somebody logged in in full; there a PIN switches between people.
CREATE TABLE shared_pc (
    id INTEGER PRIMARY KEY,
    key_sha256 TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    enrolled_by TEXT NOT NULL,
    enrolled_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL
) STRICT;

-- Wrong tries by account, address or place; forgotten at the first right one.
CREATE TABLE failed_try (
    place TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    last_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who saw, changed, sent and exported what (PS3.15 A.5); each row's hash covers the one before.
CREATE TABLE audit_event (
    number INTEGER PRIMARY KEY,                                  -- 1, 2, 3, ... without gaps
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    outcome INTEGER NOT NULL,                                    -- 0 success, 4 minor, 8 serious, 12 major failure
    actor TEXT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'program', 'device', 'box')),
    address TEXT NOT NULL,
    detail TEXT NOT NULL,                                        -- JSON: study, patient, and what kind it was
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_event_kind ON audit_event (kind, number);
CREATE INDEX audit_event_at ON audit_event (at);
CREATE TRIGGER audit_event_never_changed BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the audit trail is only ever added to'); END;
CREATE TRIGGER audit_event_never_removed BEFORE DELETE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the audit trail is only ever added to'); END;
