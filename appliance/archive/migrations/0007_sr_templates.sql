-- The template of a structured report's root (PS3.3 C.18.8.1.2), which tells measurements (1500) from reports.
ALTER TABLE instance ADD COLUMN template_identifier TEXT;
