-- Cases on both sides: what a clinic asks, what its rules demand, what it costs; and the reader's work on it.

-- The clinic's side. A case is written as a draft, and released once the rules of the clinic are met.
CREATE TABLE reading_case (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    destination_id INTEGER REFERENCES destination (id),
    workitem_uid TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('draft', 'released', 'completed', 'canceled')),
    announced TEXT NOT NULL DEFAULT 'waiting' CHECK (announced IN ('waiting', 'created', 'unsupported')),
    urgency TEXT NOT NULL CHECK (urgency IN ('STAT', 'urgent', 'routine')),
    story TEXT NOT NULL,                           -- JSON, see appliance/reading/story.py
    document TEXT,                                 -- the workitem as released, DICOM JSON
    price_cents INTEGER, currency TEXT, price_basis TEXT,
    created_by TEXT NOT NULL, created_at TEXT NOT NULL,
    released_by TEXT, released_at TEXT,
    far_state TEXT, started_at TEXT, due_at TEXT, pause_reason TEXT, far_seen_at TEXT,  -- as last seen at the reader
    completed_at TEXT
) STRICT;
CREATE UNIQUE INDEX reading_case_draft ON reading_case (study_id) WHERE state = 'draft';
CREATE INDEX reading_case_study ON reading_case (study_id);
CREATE INDEX reading_case_open ON reading_case (destination_id, announced) WHERE state = 'released';

-- What a clinic changed of the rules that say what a request must hold.
CREATE TABLE case_rule (
    practice TEXT NOT NULL, species TEXT NOT NULL, region TEXT NOT NULL,  -- '*' is any
    fields TEXT NOT NULL,                          -- separated by spaces
    PRIMARY KEY (practice, species, region)
) STRICT, WITHOUT ROWID;

CREATE TABLE price (
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    urgency TEXT NOT NULL CHECK (urgency IN ('STAT', 'urgent', 'routine')),
    cents INTEGER NOT NULL,
    PRIMARY KEY (destination_id, urgency)
) STRICT, WITHOUT ROWID;

CREATE TABLE price_plan (
    destination_id INTEGER PRIMARY KEY REFERENCES destination (id),
    currency TEXT NOT NULL,
    monthly_cents INTEGER NOT NULL DEFAULT 0,      -- of a subscription, 0 without one
    included INTEGER NOT NULL DEFAULT 0            -- reports a month that the subscription pays
) STRICT;

-- What structured reports of a study say, read once of each; can be made anew from the files.
CREATE TABLE document (
    instance_id INTEGER PRIMARY KEY REFERENCES instance (id),
    study_id INTEGER NOT NULL REFERENCES study (id),
    kind TEXT NOT NULL,                            -- report, request, question, answer, acknowledgement, ...
    status TEXT NOT NULL,                          -- of a report: preliminary, final, addendum, corrected
    critical INTEGER NOT NULL DEFAULT 0,
    refers_to TEXT,                                -- SOP Instance UID of what it answers or amends
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    written_at TEXT NOT NULL,
    seen_at TEXT                                   -- when a person of this side first opened it
) STRICT;
CREATE INDEX document_study ON document (study_id);

-- The reader's side of a workitem.
ALTER TABLE workitem ADD COLUMN requester TEXT NOT NULL DEFAULT '';
ALTER TABLE workitem ADD COLUMN transaction_uid TEXT;
ALTER TABLE workitem ADD COLUMN claimed_by TEXT;
ALTER TABLE workitem ADD COLUMN claimed_at TEXT;
ALTER TABLE workitem ADD COLUMN started_at TEXT;   -- the reading clock: when all that was announced was here
ALTER TABLE workitem ADD COLUMN due_at TEXT;
ALTER TABLE workitem ADD COLUMN paused_at TEXT;
ALTER TABLE workitem ADD COLUMN pause_reason TEXT;
ALTER TABLE workitem ADD COLUMN completed_at TEXT;
ALTER TABLE workitem ADD COLUMN completed_by TEXT;
CREATE INDEX workitem_open ON workitem (state) WHERE state IN ('SCHEDULED', 'IN PROGRESS');

-- PS3.4 CC.2.3 and CC.2.4: who wants to know, and what happened; an event's number never comes twice.
CREATE TABLE subscription (
    ae_title TEXT NOT NULL,
    workitem_uid TEXT NOT NULL,                    -- or one of the well-known UIDs of the worklist as a whole
    deletion_lock INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    PRIMARY KEY (ae_title, workitem_uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE workitem_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workitem_uid TEXT NOT NULL,
    event_type INTEGER NOT NULL,                   -- PS3.4 table CC.2.4-1
    document TEXT NOT NULL,                        -- DICOM JSON
    at TEXT NOT NULL
) STRICT;

-- A report that is being written; what was last saved.
CREATE TABLE report_draft (
    study_id INTEGER PRIMARY KEY REFERENCES study (id),
    fields TEXT NOT NULL,                          -- JSON
    author TEXT NOT NULL,
    saved_at TEXT NOT NULL
) STRICT;

CREATE TABLE report_template (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    species TEXT NOT NULL, region TEXT NOT NULL,   -- '*' is any
    findings TEXT NOT NULL, impression TEXT NOT NULL, recommendation TEXT NOT NULL
) STRICT;

CREATE TABLE text_block (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    text TEXT NOT NULL
) STRICT;

-- A reader service: its clinics, each with a folder and a database of its own, and whose credential a token is.
CREATE TABLE clinic (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    created_at TEXT NOT NULL
) STRICT;
ALTER TABLE token ADD COLUMN clinic TEXT;
