-- One row per proof that an address is held. No code and no readable address is ever in it.
CREATE TABLE verifications (
    id               UUID    NOT NULL PRIMARY KEY,
    tenant_id        UUID    NOT NULL,
    purpose          TEXT    NOT NULL,
    channel          TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    key_id           TEXT    NOT NULL,
    hash_key_id      TEXT    NOT NULL,
    recipient_hash   BYTEA   NOT NULL,
    recipient_sealed BYTEA   NOT NULL,
    token_hash       BYTEA   NOT NULL,
    -- Derives the code together with the server's key; erased when the row becomes terminal.
    seed             BYTEA,
    -- A code brought by the caller or fixed for a test number; erased like the seed.
    code_sealed      BYTEA,
    code_length      INTEGER NOT NULL,
    generation       INTEGER NOT NULL,
    guesses          INTEGER NOT NULL,
    guess_limit      INTEGER NOT NULL,
    resends          INTEGER NOT NULL,
    is_test          INTEGER NOT NULL,
    subject_sealed   BYTEA,
    variables_sealed BYTEA,
    metadata_sealed  BYTEA,
    failure          TEXT,
    check_key_hash   BYTEA,
    created_at       BIGINT  NOT NULL,
    resend_at        BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL,
    finished_at      BIGINT,
    receipt_used_at  BIGINT
);

-- The sweep that expires what is past its time.
CREATE INDEX verifications_pending_expiry ON verifications (expires_at) WHERE status = 'pending';
-- Purging what is over.
CREATE INDEX verifications_finished ON verifications (finished_at) WHERE finished_at IS NOT NULL;
