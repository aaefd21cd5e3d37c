-- Replies: messages that answer what somebody wrote. Such a message goes by the provider over which it came,
-- whatever the routes say.
ALTER TABLE messages ADD COLUMN only_provider TEXT;
-- What it answers: 'stop', 'start' or 'help'.
ALTER TABLE messages ADD COLUMN keyword TEXT;

-- Whose keyword was answered lately: until then the same one of the same number is not answered again.
CREATE TABLE replies (
    -- A keyed hash of the number.
    recipient_hash BYTEA  NOT NULL,
    keyword        TEXT   NOT NULL,
    message_id     UUID   NOT NULL,
    expires_at     BIGINT NOT NULL,
    PRIMARY KEY (recipient_hash, keyword)
);

CREATE INDEX replies_expiry ON replies (expires_at);
