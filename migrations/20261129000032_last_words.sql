-- What a number wrote last, STOP or START, and when. A provider may bring a message again for days; what is older
-- than this, or the same, changes nothing.
CREATE TABLE last_words (
    -- A keyed hash of the number.
    recipient_hash BYTEA  NOT NULL PRIMARY KEY,
    -- 'stop' or 'start'.
    keyword        TEXT   NOT NULL,
    said_at        BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);

CREATE INDEX last_words_expiry ON last_words (expires_at);
