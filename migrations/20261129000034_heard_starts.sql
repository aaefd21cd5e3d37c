-- Each START that came without the time when it was written, by its provider's id. A provider may bring it again
-- for days; then it must not take back a STOP that was written since.
CREATE TABLE heard_starts (
    -- A keyed hash of provider and id.
    id_hash    BYTEA  NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX heard_starts_expiry ON heard_starts (expires_at);
