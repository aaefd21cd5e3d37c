-- One text to one recipient. The row is the truth; a queued job only hints at it.
CREATE TABLE messages (
    id               UUID    NOT NULL PRIMARY KEY,
    tenant_id        UUID    NOT NULL,
    -- Messages of a verification take recipient, code and variables from there.
    verification_id  UUID,
    generation       INTEGER NOT NULL,
    lane             TEXT    NOT NULL,
    channel          TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    key_id           TEXT    NOT NULL,
    recipient_hash   BYTEA   NOT NULL,
    recipient_sealed BYTEA,
    body_sealed      BYTEA,
    -- Grows with every claim; an outcome is only written under the epoch it was claimed with.
    epoch            INTEGER NOT NULL,
    lease_until      BIGINT,
    -- Claims that ended without any outcome: a job that kills its worker is set aside after three.
    crashes          INTEGER NOT NULL,
    not_before       BIGINT  NOT NULL,
    deadline         BIGINT  NOT NULL,
    failure_class    TEXT,
    failure          TEXT,
    created_at       BIGINT  NOT NULL,
    finished_at      BIGINT
);

-- What is due, per lane: newest first for codes, oldest first for bulk.
CREATE INDEX messages_due ON messages (lane, not_before) WHERE state = 'queued';
-- What is queued past its deadline.
CREATE INDEX messages_overdue ON messages (deadline) WHERE state = 'queued';
-- Leases that may have run out.
CREATE INDEX messages_leased ON messages (lease_until) WHERE state = 'sending';
-- The timeline of a verification, and what to cancel when it succeeds.
CREATE INDEX messages_by_verification ON messages (verification_id)
    WHERE verification_id IS NOT NULL;
-- Purging what is over.
CREATE INDEX messages_finished ON messages (finished_at) WHERE finished_at IS NOT NULL;
