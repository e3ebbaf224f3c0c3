-- The month (YYYY-MM) in which the subscription began; what was entered before is taken to have begun with the destination.
ALTER TABLE price_plan ADD COLUMN since TEXT NOT NULL DEFAULT '';
UPDATE price_plan SET since =
    coalesce((SELECT substr(created_at, 1, 7) FROM destination WHERE destination.id = destination_id), '');
