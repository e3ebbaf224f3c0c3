-- The index of the archive, the queue of the courier, and what is not in the files: accounts, destinations, cases.
-- Column names are the snake_case of the DICOM element keyword; times are UTC text as written by appliance.clock.

CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who sent it: an application entity at an address, a token of the DICOMweb service, a destination that answered.
CREATE TABLE sender (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('dimse', 'dicomweb', 'import', 'result', 'local')),
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('unknown', 'accepted', 'blocked')),
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    UNIQUE (kind, name, address)
) STRICT;

CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    study_instance_uid TEXT NOT NULL UNIQUE,
    patient_id TEXT, issuer_of_patient_id TEXT, patient_name TEXT, patient_birth_date TEXT, patient_sex TEXT,
    patient_age TEXT, patient_weight TEXT, patient_species_description TEXT, patient_breed_description TEXT,
    patient_sex_neutered TEXT, responsible_person TEXT, responsible_person_role TEXT, responsible_organization TEXT,
    study_date TEXT, study_time TEXT, study_id TEXT, accession_number TEXT, study_description TEXT,
    referring_physician_name TEXT,
    patient_mismatch INTEGER NOT NULL DEFAULT 0,   -- instances of this study name different patients
    instance_count INTEGER NOT NULL DEFAULT 0,     -- instances of accepted senders; 0 keeps the study out of every list
    received_at TEXT NOT NULL,
    last_received_at TEXT NOT NULL
) STRICT;
CREATE INDEX study_recent ON study (last_received_at) WHERE instance_count > 0;
CREATE INDEX study_patient_id ON study (patient_id);
CREATE INDEX study_patient_name ON study (patient_name COLLATE NOCASE);
CREATE INDEX study_date ON study (study_date);

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    series_instance_uid TEXT NOT NULL,
    modality TEXT, series_number TEXT, series_description TEXT, body_part_examined TEXT, manufacturer TEXT,
    station_name TEXT, institution_name TEXT,
    UNIQUE (study_id, series_instance_uid)
) STRICT;

CREATE TABLE instance (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    series_id INTEGER NOT NULL REFERENCES series (id),
    sender_id INTEGER NOT NULL REFERENCES sender (id),
    sop_instance_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    dataset_sha256 TEXT NOT NULL,                  -- also the name of the file
    size_bytes INTEGER NOT NULL,                   -- of the data set
    instance_number TEXT, view_position TEXT, image_laterality TEXT, photometric_interpretation TEXT,
    content_date TEXT, content_time TEXT, rows INTEGER, columns INTEGER, number_of_frames INTEGER, bits_stored INTEGER,
    problems TEXT NOT NULL DEFAULT '',             -- codes, separated by spaces
    quarantined INTEGER NOT NULL,                  -- its sender is not accepted
    conflict INTEGER NOT NULL DEFAULT 0,           -- another instance has the same SOP Instance UID and other bytes
    routed INTEGER NOT NULL DEFAULT 0,             -- the courier has decided where it goes
    preview_state TEXT NOT NULL CHECK (preview_state IN ('waiting', 'ready', 'none')),
    preview_message TEXT,
    received_at TEXT NOT NULL,
    UNIQUE (sop_instance_uid, dataset_sha256)
) STRICT;
CREATE INDEX instance_study ON instance (study_id);
CREATE INDEX instance_series ON instance (series_id);
CREATE INDEX instance_quarantine ON instance (sender_id) WHERE quarantined = 1;
CREATE INDEX instance_preview ON instance (id) WHERE preview_state = 'waiting';
CREATE INDEX instance_digest ON instance (dataset_sha256);
CREATE INDEX instance_unrouted ON instance (id) WHERE routed = 0 AND quarantined = 0;

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'technician', 'doctor', 'administrator')),
    password_hash TEXT NOT NULL,
    session_key TEXT NOT NULL UNIQUE,              -- names the account in a session; a new one ends all sessions
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE token (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'technician', 'doctor', 'administrator')),
    token_sha256 TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE destination (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind TEXT NOT NULL CHECK (kind IN ('dicomweb')),
    url TEXT NOT NULL,
    token TEXT,
    auto INTEGER NOT NULL DEFAULT 0,               -- every accepted instance goes there without being asked
    paused INTEGER NOT NULL DEFAULT 0,
    removed_at TEXT,
    trouble_code TEXT, trouble_message TEXT, trouble_hint TEXT, trouble_since TEXT,
    last_answer_at TEXT,
    kicked_at TEXT,                                -- a person asked to try again at once
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    instance_id INTEGER NOT NULL REFERENCES instance (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'answered', 'verified', 'parked')),
    priority INTEGER NOT NULL DEFAULT 2,           -- 0 STAT, 1 urgent, 2 routine
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT NOT NULL,
    code TEXT, message TEXT, hint TEXT,
    verified_at TEXT,
    UNIQUE (destination_id, instance_id)
) STRICT;
CREATE INDEX delivery_open ON delivery (destination_id, priority, id) WHERE state IN ('waiting', 'answered');
CREATE INDEX delivery_instance ON delivery (instance_id);

-- A study that someone sent to a reader, or that is delivered automatically: the request, and where to look for results.
CREATE TABLE reading_request (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    workitem_uid TEXT NOT NULL UNIQUE,
    priority INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    workitem_state TEXT NOT NULL CHECK (workitem_state IN ('none', 'waiting', 'created', 'unsupported')),
    next_look_at TEXT NOT NULL,
    last_look_at TEXT,
    look_interval_s REAL NOT NULL,
    UNIQUE (study_id, destination_id)
) STRICT;
CREATE INDEX reading_request_look ON reading_request (destination_id, next_look_at);

-- The reader's side: requests that clinics placed by UPS-RS.
CREATE TABLE workitem (
    workitem_uid TEXT PRIMARY KEY,
    study_instance_uid TEXT NOT NULL,
    priority TEXT NOT NULL CHECK (priority IN ('HIGH', 'MEDIUM', 'LOW')),
    state TEXT NOT NULL CHECK (state IN ('SCHEDULED', 'IN PROGRESS', 'COMPLETED', 'CANCELED')),
    document TEXT NOT NULL,                        -- the workitem as DICOM JSON
    received_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX workitem_study ON workitem (study_instance_uid);
