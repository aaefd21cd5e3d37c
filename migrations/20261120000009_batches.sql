-- One text to many recipients. Its messages carry its id in theirs, so a repeat finds them by
-- their primary keys; what was refused leaves no row.
CREATE TABLE batches (
    id         UUID   NOT NULL PRIMARY KEY,
    tenant_id  UUID   NOT NULL,
    -- Keyed hashes: of the Idempotency-Key, if there was one, and of the text it came with.
    key_hash   BYTEA,
    text_hash  BYTEA  NOT NULL,
    -- Rows given so far, accepted or not.
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Until then the key is remembered.
    expires_at BIGINT NOT NULL,
    UNIQUE (tenant_id, key_hash)
);

CREATE INDEX batches_expiry ON batches (expires_at);
