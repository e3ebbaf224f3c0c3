-- The morning rehearsal: a phantom from the simulated X-ray unit to the reader and back, before the first patient.

CREATE TABLE rehearsal (
    id INTEGER PRIMARY KEY,
    asked_by TEXT NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    steps TEXT NOT NULL DEFAULT '[]',              -- JSON, see appliance/courier/rehearsals.py
    failed INTEGER NOT NULL DEFAULT 0
) STRICT;
