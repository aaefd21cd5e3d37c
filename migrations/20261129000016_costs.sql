-- What an attempt costs, in millionths of a currency. Nothing of it is written where nothing is known.
ALTER TABLE attempts ADD COLUMN price_micros BIGINT;
-- How many SMS it took.
ALTER TABLE attempts ADD COLUMN segments INTEGER;
-- How often its provider has told the price; empty while it is an estimate by the configured prices.
ALTER TABLE attempts ADD COLUMN price_told INTEGER;
-- ISO 4217.
ALTER TABLE attempts ADD COLUMN price_currency TEXT;
