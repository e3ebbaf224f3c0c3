-- Searches over many studies: texts by their beginning and by any part of them, and what lists are filtered by.

CREATE TABLE search_text (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    field TEXT NOT NULL,                           -- a column of study
    text TEXT NOT NULL COLLATE NOCASE              -- its value; of a name one component group
) STRICT;
CREATE INDEX search_text_beginning ON search_text (field, text, study_id);
CREATE INDEX search_text_study ON search_text (study_id);
-- Texts with a letter that becomes an ASCII one when the case is taken away (the sharp s, ligatures): few, looked at all.
CREATE INDEX search_text_odd ON search_text (field, study_id)
    WHERE text GLOB '*[' || char(223, 304, 329, 383, 894, 7834, 7838, 8175, 8490, 64256, 64257, 64258, 64259, 64260,
                                64261, 64262) || ']*';

CREATE VIRTUAL TABLE search_trigram
    USING fts5 (text, content = 'search_text', content_rowid = 'id', tokenize = 'trigram', columnsize = 0);
CREATE TRIGGER search_text_added AFTER INSERT ON search_text BEGIN
    INSERT INTO search_trigram (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER search_text_removed AFTER DELETE ON search_text BEGIN
    INSERT INTO search_trigram (search_trigram, rowid, text) VALUES ('delete', old.id, old.text);
END;

CREATE VIEW study_text (study_id, field, text) AS
    SELECT id, 'patient_name', patient_name FROM study
    UNION ALL SELECT id, 'responsible_person', responsible_person FROM study
    UNION ALL SELECT id, 'referring_physician_name', referring_physician_name FROM study
    UNION ALL SELECT id, 'patient_id', patient_id FROM study
    UNION ALL SELECT id, 'accession_number', accession_number FROM study
    UNION ALL SELECT id, 'responsible_organization', responsible_organization FROM study
    UNION ALL SELECT id, 'patient_breed_description', patient_breed_description FROM study
    UNION ALL SELECT id, 'study_description', study_description FROM study;
-- The component groups of a name (PS3.5 6.2.1.1): alphabetic, ideographic, phonetic.
CREATE VIEW study_text_rest (study_id, field, text) AS
    SELECT study_id, field, substr(text, instr(text, '=') + 1) FROM study_text WHERE instr(text, '=') > 0;
CREATE VIEW study_text_part (study_id, field, text) AS
    SELECT study_id, field, ltrim(substr(text, 1, instr(text || '=', '=') - 1)) FROM study_text
    UNION ALL SELECT study_id, field, ltrim(substr(text, 1, instr(text || '=', '=') - 1)) FROM study_text_rest
    UNION ALL SELECT study_id, field, ltrim(substr(text, instr(text, '=') + 1))
        FROM study_text_rest WHERE instr(text, '=') > 0;

CREATE TRIGGER study_text_added AFTER INSERT ON study BEGIN
    INSERT INTO search_text (study_id, field, text)
        SELECT study_id, field, text FROM study_text_part WHERE study_id = new.id AND text <> '';
END;
CREATE TRIGGER study_text_changed
AFTER UPDATE OF patient_name, responsible_person, referring_physician_name, patient_id, accession_number,
    responsible_organization, patient_breed_description, study_description ON study
WHEN old.patient_name IS NOT new.patient_name OR old.responsible_person IS NOT new.responsible_person
    OR old.referring_physician_name IS NOT new.referring_physician_name OR old.patient_id IS NOT new.patient_id
    OR old.accession_number IS NOT new.accession_number
    OR old.responsible_organization IS NOT new.responsible_organization
    OR old.patient_breed_description IS NOT new.patient_breed_description
    OR old.study_description IS NOT new.study_description
BEGIN
    DELETE FROM search_text WHERE study_id = new.id;
    INSERT INTO search_text (study_id, field, text)
        SELECT study_id, field, text FROM study_text_part WHERE study_id = new.id AND text <> '';
END;
CREATE TRIGGER study_text_removed BEFORE DELETE ON study BEGIN
    DELETE FROM search_text WHERE study_id = old.id;
END;
INSERT INTO search_text (study_id, field, text) SELECT study_id, field, text FROM study_text_part WHERE text <> '';

CREATE INDEX study_accession_number ON study (accession_number);
CREATE INDEX study_species ON study (patient_species_description, study_date);
CREATE INDEX series_modality ON series (modality, study_id);
