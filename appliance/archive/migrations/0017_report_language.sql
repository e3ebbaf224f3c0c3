-- The language of a template's text (RFC 5646), which its reports name; empty is that of the service.
ALTER TABLE report_template ADD COLUMN language TEXT NOT NULL DEFAULT '';
