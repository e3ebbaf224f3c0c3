-- What a person took out of the archive: deleted, with days in which it can be had back, or replaced by corrected
-- copies. Its instances carry quarantined = 2: they are listed, sent and answered nowhere.

CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('deleted', 'corrected')),
    study_id INTEGER NOT NULL REFERENCES study (id),
    reason TEXT NOT NULL,
    done_by TEXT NOT NULL,
    done_at TEXT NOT NULL,
    purge_at TEXT,                                               -- NULL: kept for good
    ended_by TEXT, ended_at TEXT,                                -- undone, or purged by the box
    outcome TEXT CHECK (outcome IN ('undone', 'purged'))
) STRICT;
CREATE INDEX set_aside_open ON set_aside (done_at) WHERE outcome IS NULL;

CREATE TABLE set_aside_instance (
    set_aside_id INTEGER NOT NULL REFERENCES set_aside (id),
    instance_id INTEGER NOT NULL,
    part TEXT NOT NULL CHECK (part IN ('original', 'copy')),
    PRIMARY KEY (set_aside_id, instance_id)
) STRICT, WITHOUT ROWID;
