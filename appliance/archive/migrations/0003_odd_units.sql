-- Rules of units reach the stored pictures in portions.

ALTER TABLE sender ADD COLUMN reindexed_to INTEGER;        -- instances up to this row follow the rules; NULL: all do
