-- The X-ray room: units with rules of their own, today's exams, procedure steps, storage commitment, signals that a
-- study is complete.

-- What is known of a unit beyond its name: where it listens, its certificate, rules for what it sends, its clock.
ALTER TABLE sender ADD COLUMN listen_port INTEGER;
ALTER TABLE sender ADD COLUMN certificate_pem TEXT;               -- set: it is believed with this certificate only
ALTER TABLE sender ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';   -- JSON, see appliance/dicom/repair.py
ALTER TABLE sender ADD COLUMN former_rules TEXT;                  -- what undo returns to
ALTER TABLE sender ADD COLUMN clock_skew_s INTEGER;               -- the unit's clock less ours, as last seen

-- Names and addresses that a unit had before somebody said "this is the known unit".
CREATE TABLE former_sender (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    sender_id INTEGER NOT NULL REFERENCES sender (id),
    moved_at TEXT NOT NULL,
    PRIMARY KEY (kind, name, address)
) STRICT, WITHOUT ROWID;

-- The last associations that were refused or failed, one row for each peer and reason.
CREATE TABLE refusal (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    number INTEGER NOT NULL DEFAULT 1,
    last_at TEXT NOT NULL,
    UNIQUE (name, address, code)
) STRICT;

ALTER TABLE instance ADD COLUMN repairs TEXT NOT NULL DEFAULT '';             -- codes of rules that were applied
ALTER TABLE instance ADD COLUMN preview_attempts INTEGER NOT NULL DEFAULT 0;  -- begun and not ended: it may be a bomb

-- An exam that somebody ordered: an item of the modality worklist.
CREATE TABLE exam (
    id INTEGER PRIMARY KEY,
    accession_number TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT NOT NULL UNIQUE,
    performed_study_uid TEXT,                      -- set when the unit made its own study for it
    state TEXT NOT NULL CHECK (state IN ('scheduled', 'in progress', 'completed', 'discontinued', 'cancelled')),
    patient_id TEXT NOT NULL, issuer_of_patient_id TEXT, patient_name TEXT NOT NULL, patient_birth_date TEXT,
    patient_sex TEXT, patient_age TEXT, patient_weight TEXT, patient_species_description TEXT, species_code TEXT,
    patient_breed_description TEXT, breed_code TEXT, patient_sex_neutered TEXT, responsible_person TEXT,
    responsible_person_role TEXT, responsible_organization TEXT,
    modality TEXT NOT NULL, station_ae_title TEXT, scheduled_date TEXT NOT NULL, scheduled_time TEXT NOT NULL,
    description TEXT, protocol TEXT, referring_physician_name TEXT, comments TEXT,
    source TEXT NOT NULL CHECK (source IN ('page', 'command line', 'csv', 'json', 'folder')),
    created_by TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX exam_day ON exam (scheduled_date, scheduled_time);
CREATE INDEX exam_performed ON exam (performed_study_uid);

-- Modality performed procedure steps as the units reported them.
CREATE TABLE procedure_step (
    sop_instance_uid TEXT PRIMARY KEY,
    exam_id INTEGER REFERENCES exam (id),
    study_instance_uid TEXT,
    station_name TEXT NOT NULL,                    -- calling AE title
    address TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('IN PROGRESS', 'COMPLETED', 'DISCONTINUED')),
    instance_count INTEGER NOT NULL DEFAULT 0,     -- as the unit counts
    document TEXT NOT NULL,                        -- DICOM JSON
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX procedure_step_study ON procedure_step (study_instance_uid);

-- Storage commitment: what was asked, what the disk said, and whether the unit has been told.
CREATE TABLE commitment (
    id INTEGER PRIMARY KEY,
    transaction_uid TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    asked TEXT NOT NULL,                           -- JSON: [[SOP class UID, SOP instance UID], ...]
    failures TEXT,                                 -- JSON: {SOP instance UID: reason}; NULL while not yet checked
    state TEXT NOT NULL CHECK (state IN ('waiting', 'told', 'given up')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (transaction_uid, name, address)
) STRICT;
CREATE INDEX commitment_open ON commitment (next_attempt_at) WHERE state = 'waiting';

-- What tells that a study is complete, or that it is not.
CREATE TABLE study_signal (
    study_id INTEGER NOT NULL REFERENCES study (id),
    kind TEXT NOT NULL CHECK (kind IN ('association ended', 'mpps completed', 'mpps discontinued',
                                       'commitment asked', 'done', 'reopened')),
    detail TEXT NOT NULL DEFAULT '',               -- who said done, how many the unit counted
    at TEXT NOT NULL,
    PRIMARY KEY (study_id, kind)
) STRICT, WITHOUT ROWID;

-- Which views an exam is expected to have.
CREATE TABLE protocol (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    practice TEXT NOT NULL,                        -- vet, chiro, podiatry, human or any
    modality TEXT NOT NULL,
    body_part TEXT NOT NULL,
    views TEXT NOT NULL                            -- one to a line, e.g. 'R LL'
) STRICT, WITHOUT ROWID;
