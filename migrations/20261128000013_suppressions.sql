-- Recipients not to be sent to. Found by a keyed hash that outlives a change of the hash key.
CREATE TABLE suppressions (
    id               UUID    NOT NULL PRIMARY KEY,
    -- Whose it is. What a person tells a sender counts for all tenants, who share the sender.
    tenant_id        UUID    NOT NULL,
    for_everyone     INTEGER NOT NULL,
    recipient_hash   BYTEA   NOT NULL,
    key_id           TEXT    NOT NULL,
    recipient_sealed BYTEA   NOT NULL,
    -- 'bulk', or 'all' with codes too.
    scope            TEXT    NOT NULL,
    -- 'stop', 'provider' or 'manual': who said so.
    reason           TEXT    NOT NULL,
    -- Through which provider it was heard.
    provider         TEXT,
    created_at       BIGINT  NOT NULL,
    UNIQUE (recipient_hash, tenant_id, for_everyone)
);

-- Those that keep codes back: few, so a process that knows of none asks no further.
CREATE INDEX suppressions_of_codes ON suppressions (scope) WHERE scope = 'all';
