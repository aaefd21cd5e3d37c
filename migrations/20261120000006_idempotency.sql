-- The first answer to each Idempotency-Key, sealed, so that a repeat gets the same one.
CREATE TABLE idempotency_records (
    tenant_id       UUID    NOT NULL,
    key_hash        BYTEA   NOT NULL,
    request_hash    BYTEA   NOT NULL,
    -- The row the answer is sealed for.
    answer_id       UUID    NOT NULL,
    key_id          TEXT    NOT NULL,
    answer_sealed   BYTEA   NOT NULL,
    expires_at      BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, key_hash)
);

CREATE INDEX idempotency_records_expiry ON idempotency_records (expires_at);
