-- What a number wrote last, STOP or START, and when. A provider may bring a message again for days; what is older
-- than this, or the same, changes nothing.
CREATE TABLE last_words (
    -- A keyed hash of the number.
    recipient_hash BYTEA   NOT NULL PRIMARY KEY,
    -- 'stop' or 'start'.
    keyword        TEXT    NOT NULL,
    said_at        BIGINT  NOT NULL,
    -- 1 when the provider said that it was then; 0 when it came then.
    is_told        INTEGER NOT NULL,
    expires_at     BIGINT  NOT NULL
);

CREATE INDEX last_words_expiry ON last_words (expires_at);
