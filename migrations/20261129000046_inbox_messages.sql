-- What people would have received from a sandbox tenant, for a day.
CREATE TABLE inbox_messages (
    tenant_id       UUID   NOT NULL REFERENCES tenants (id),
    -- In the order in which they came, without two of one number: a place to go on from.
    number          BIGINT NOT NULL,
    message_id      UUID   NOT NULL UNIQUE,
    verification_id UUID,
    channel         TEXT   NOT NULL,
    recipient_hash  BYTEA  NOT NULL,
    key_id          TEXT   NOT NULL,
    -- Whom it went to, its title, its text, and the code in it.
    sealed          BYTEA  NOT NULL,
    received_at     BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

CREATE INDEX inbox_messages_expiry ON inbox_messages (expires_at);
