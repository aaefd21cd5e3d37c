-- One try of one provider with one message, written before the first byte leaves.
CREATE TABLE attempts (
    message_id          UUID    NOT NULL,
    number              INTEGER NOT NULL,
    epoch               INTEGER NOT NULL,
    provider            TEXT    NOT NULL,
    started_at          BIGINT  NOT NULL,
    finished_at         BIGINT,
    -- Empty while it runs; then one of the ten error classes.
    outcome             TEXT,
    provider_message_id TEXT,
    error_code          TEXT,
    detail              TEXT,
    -- The provider asked not to be called before then.
    retry_at            BIGINT,
    PRIMARY KEY (message_id, number)
);
