-- What somebody asked the box to hand over: made by the courier, kept for a while, then removed.

CREATE TABLE export (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    kind TEXT NOT NULL CHECK (kind IN ('zip', 'media', 'pdf', 'jpeg', 'png')),
    options TEXT NOT NULL,                         -- JSON
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    message TEXT,
    notes TEXT NOT NULL DEFAULT '[]',              -- JSON: warnings for the person
    size_bytes INTEGER,
    asked_by TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    ended_at TEXT
) STRICT;
CREATE INDEX export_open ON export (id) WHERE state IN ('waiting', 'running');
CREATE INDEX export_study ON export (study_id);
