-- What a provider said later of an attempt, in a delivery report. Its words only go forward.
ALTER TABLE attempts ADD COLUMN report TEXT;
-- Why it was not delivered, as one of the error classes, and in the provider's own code.
ALTER TABLE attempts ADD COLUMN report_class TEXT;
ALTER TABLE attempts ADD COLUMN report_code TEXT;
ALTER TABLE attempts ADD COLUMN reported_at BIGINT;
