-- Countries that a provider refuses, as the worker that found out last has it: for `otpost doctor` and
-- `otpost status`. No worker goes by it.
CREATE TABLE provider_regions (
    provider        TEXT    NOT NULL,
    -- ISO 3166-1, two capital letters.
    country         TEXT    NOT NULL,
    lane            TEXT    NOT NULL,
    -- The provider is asked last until then.
    left_out_until  BIGINT  NOT NULL,
    -- Holds no number and no code.
    reason          TEXT    NOT NULL,
    PRIMARY KEY (provider, country, lane)
);
