-- What keeps pictures safe: the state of each file, notices for the page, checks, damage, recalls, backups.

ALTER TABLE instance ADD COLUMN file_state TEXT NOT NULL DEFAULT 'here'
    CHECK (file_state IN ('here', 'damaged', 'missing', 'evicted'));
ALTER TABLE instance ADD COLUMN pixels_sha256 TEXT;               -- of all decoded frames: proof for a recoded copy
ALTER TABLE study ADD COLUMN kept_for_ever INTEGER NOT NULL DEFAULT 0;
ALTER TABLE study ADD COLUMN recalled_at TEXT;                    -- brought back from a reader's archive
CREATE INDEX instance_not_here ON instance (study_id) WHERE file_state <> 'here';

-- What the box did by itself to stay whole; the words are in appliance/archive/notices.py.
CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    number INTEGER NOT NULL DEFAULT 1,
    at TEXT NOT NULL,
    seen_at TEXT                                   -- somebody of the clinic has read it
) STRICT;

-- One pass over every stored file.
CREATE TABLE check_run (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('asked', 'background')),
    began_at TEXT NOT NULL,
    ended_at TEXT,
    last_instance_id INTEGER NOT NULL DEFAULT 0,   -- where a pass goes on after a restart
    checked INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    damaged INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A stored file that is not what was received, and what became of it.
CREATE TABLE damage (
    id INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL REFERENCES instance (id),
    dataset_sha256 TEXT NOT NULL,                  -- of what was received
    kind TEXT NOT NULL CHECK (kind IN ('damaged', 'missing')),
    set_aside TEXT,                                -- the damaged file's name in the folder `damaged`
    state TEXT NOT NULL CHECK (state IN ('waiting', 'same bytes', 'same pixels', 'differs', 'nowhere')),
    destination_name TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT NOT NULL,
    found_at TEXT NOT NULL,
    ended_at TEXT
) STRICT;
CREATE INDEX damage_open ON damage (next_attempt_at) WHERE state IN ('waiting', 'nowhere');

-- An evicted study that somebody opened: on its way back.
CREATE TABLE recall (
    study_id INTEGER PRIMARY KEY REFERENCES study (id),
    asked_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'trouble')),
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    message TEXT, hint TEXT,
    next_attempt_at TEXT NOT NULL
) STRICT;

CREATE TABLE backup_run (
    id INTEGER PRIMARY KEY,
    folder TEXT NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    files INTEGER NOT NULL DEFAULT 0,              -- newly written
    size_bytes INTEGER NOT NULL DEFAULT 0,
    message TEXT, hint TEXT                        -- why it failed
) STRICT;
