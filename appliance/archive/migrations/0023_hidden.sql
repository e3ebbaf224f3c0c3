-- A list of studies leaves out the series of which nothing is shown; few rows have an entry here.
CREATE INDEX instance_hidden ON instance (series_id) WHERE quarantined <> 0;
