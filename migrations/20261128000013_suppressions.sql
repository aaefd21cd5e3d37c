-- Recipients not to be sent to. When keys are changed, processes rewrite hashes and seals at their start.
CREATE TABLE suppressions (
    id               UUID    NOT NULL PRIMARY KEY,
    -- Whose it is. What a person tells a sender counts for all tenants, who share the sender.
    tenant_id        UUID    NOT NULL,
    for_everyone     INTEGER NOT NULL,
    hash_key_id      TEXT    NOT NULL,
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

-- What is still hashed or sealed with keys of before.
CREATE INDEX suppressions_by_keys ON suppressions (hash_key_id, key_id);
-- Page by page.
CREATE INDEX suppressions_of_tenant ON suppressions (tenant_id, id) WHERE for_everyone = 0;
CREATE INDEX suppressions_for_everyone ON suppressions (id) WHERE for_everyone = 1;
-- Those that keep codes back: few, so a process that knows of none asks no further.
CREATE INDEX suppressions_of_codes ON suppressions (scope) WHERE scope = 'all';
