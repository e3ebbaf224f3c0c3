-- The box's end of the vendor link: what the vendor was answered, what support may do, and what waits to go.
-- Numbers of documents, and what is on trial, are settings whose keys begin with vendor_.

CREATE TABLE support_consent (
    id INTEGER PRIMARY KEY,
    given_by TEXT NOT NULL,
    given_at TEXT NOT NULL,
    until TEXT NOT NULL,
    ended_by TEXT, ended_at TEXT                                 -- revoked before its time
) STRICT;

CREATE TABLE vendor_answer (                                     -- every document ever followed or refused
    kind TEXT NOT NULL CHECK (kind IN ('settings', 'command', 'release', 'wipe', 'voucher')),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,                                          -- the command's name, else the kind
    came_at TEXT NOT NULL,
    done INTEGER CHECK (done IN (0, 1)),                         -- NULL: at work
    reason TEXT NOT NULL DEFAULT '',
    figures TEXT NOT NULL DEFAULT '{}',
    told_at TEXT,                                                -- when the vendor took the answer
    PRIMARY KEY (kind, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE support_report (                                    -- the exact bytes, for the clinic to see first
    id INTEGER PRIMARY KEY,
    made_at TEXT NOT NULL,
    content BLOB NOT NULL,
    decision TEXT CHECK (decision IN ('released', 'kept')),
    decided_by TEXT, decided_at TEXT,
    sent_at TEXT
) STRICT;
