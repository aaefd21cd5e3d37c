-- Which attempt a report is about that names a message by the provider's own id: for providers that
-- cannot be given an address of ours for each attempt. Nothing else is written here.
CREATE TABLE provider_message_ids (
    provider      TEXT    NOT NULL,
    -- In small letters, without zeros in front.
    id            TEXT    NOT NULL,
    -- Empty while only a report has come: it was faster than the answer that names the id.
    message_id    UUID,
    number        INTEGER,
    -- Of a text that went out in several parts, each with an id.
    part          INTEGER,
    parts         INTEGER,
    -- A keyed hash of the last digits of the number, for ids that are written in two ways.
    digits_hash   BYTEA   NOT NULL,
    -- What was said of this part; its words only go forward.
    report        TEXT,
    report_class  TEXT,
    report_code   TEXT,
    expires_at    BIGINT  NOT NULL,
    PRIMARY KEY (provider, id)
);

-- The other parts of a text.
CREATE INDEX provider_message_ids_parts ON provider_message_ids (message_id, number)
    WHERE parts > 1;
CREATE INDEX provider_message_ids_expiry ON provider_message_ids (expires_at);
