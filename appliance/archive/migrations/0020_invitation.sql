-- At a reader service: codes by which a clinic's box gets its token, once.

CREATE TABLE invitation (
    code_sha256 TEXT PRIMARY KEY,
    clinic TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL,
    ends_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Links that show a study to its owner; the secret itself is in the link alone.
CREATE TABLE share (
    id INTEGER PRIMARY KEY,
    secret_sha256 TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT NOT NULL,
    asked_by TEXT NOT NULL,                        -- the program that has the study's clinic's token
    made_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    revoked_at TEXT
) STRICT;
CREATE INDEX share_study ON share (study_instance_uid);

-- At a box: the links that it asked for; what opens one is kept so that it can be shown again and taken back.
CREATE TABLE shared_link (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    far_id INTEGER NOT NULL,
    address TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    revoked_at TEXT
) STRICT;
CREATE INDEX shared_link_study ON shared_link (study_id);
