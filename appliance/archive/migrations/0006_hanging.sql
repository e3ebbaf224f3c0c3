-- How each person likes the pictures of an exam to hang on the light table.

CREATE TABLE hanging (
    account_id INTEGER NOT NULL REFERENCES account(id) ON DELETE CASCADE,
    exam TEXT NOT NULL,                            -- what kind of exam it is, as the light table names it
    arrangement TEXT NOT NULL,                     -- JSON: columns, rows, and for each place view, rotation, flipped
    PRIMARY KEY (account_id, exam)
) STRICT, WITHOUT ROWID;
