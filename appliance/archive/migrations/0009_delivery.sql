-- Delivery: kinds of destinations and what was found out about each, copies for the line, evidence of arrival.

ALTER TABLE destination ADD COLUMN protocol TEXT NOT NULL DEFAULT 'dicomweb' CHECK (protocol IN ('dicomweb', 'dimse'));
ALTER TABLE destination ADD COLUMN access TEXT NOT NULL DEFAULT '{}';  -- JSON with secrets, see courier/access.py
ALTER TABLE destination ADD COLUMN hours TEXT NOT NULL DEFAULT '';     -- when and how fast, see courier/hours.py
ALTER TABLE destination ADD COLUMN found TEXT NOT NULL DEFAULT '{}';   -- JSON: what it accepts, see courier/found.py
ALTER TABLE destination ADD COLUMN reader_key TEXT;                    -- hex, signs receipts; never replaced by itself

ALTER TABLE delivery ADD COLUMN sending_since TEXT;                    -- set: its bytes are on the line right now
ALTER TABLE delivery ADD COLUMN upload_url TEXT;                       -- a begun resumable upload
ALTER TABLE delivery ADD COLUMN upload_sha256 TEXT;                    -- of the data set that it carries
ALTER TABLE delivery ADD COLUMN verified_by TEXT CHECK (verified_by IN ('receipt', 'content', 'query', 'commitment'));
ALTER TABLE delivery ADD COLUMN far_sha256 TEXT;                       -- the data set's digest as the far side has it

-- What went out for a delivery: the original, or a lossless copy in another transfer syntax.
CREATE TABLE sent_copy (
    delivery_id INTEGER NOT NULL REFERENCES delivery (id),
    dataset_sha256 TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    first_sent_at TEXT NOT NULL,
    PRIMARY KEY (delivery_id, dataset_sha256)
) STRICT, WITHOUT ROWID;

-- Lossless copies made ahead of the line; the files are in the folder copies/ and can be made anew at any time.
CREATE TABLE encoded_copy (
    dataset_sha256 TEXT NOT NULL,                  -- of the original
    transfer_syntax_uid TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('making', 'ready', 'none')),
    copy_sha256 TEXT,                              -- of the copy's data set
    size_bytes INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,           -- begun and not ended: the pixels may crash a codec
    made_at TEXT NOT NULL,
    PRIMARY KEY (dataset_sha256, transfer_syntax_uid)
) STRICT, WITHOUT ROWID;

-- Receipts that a reader signed, kept as they came.
CREATE TABLE signed_receipt (
    study_id INTEGER NOT NULL REFERENCES study (id),
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    document TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (study_id, destination_id)
) STRICT, WITHOUT ROWID;

-- How many pictures a person says were taken.
CREATE TABLE acquired_count (
    study_id INTEGER PRIMARY KEY REFERENCES study (id),
    number INTEGER NOT NULL,
    said_by TEXT NOT NULL,
    said_at TEXT NOT NULL
) STRICT;
