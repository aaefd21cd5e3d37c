-- Where a tenant's events are posted to.
CREATE TABLE webhooks (
    id                UUID   NOT NULL PRIMARY KEY,
    tenant_id         UUID   NOT NULL REFERENCES tenants (id),
    url               TEXT   NOT NULL,
    description       TEXT   NOT NULL,
    -- Types and groups of them, separated by spaces; empty for all.
    types             TEXT   NOT NULL,
    key_id            TEXT   NOT NULL,
    secret_sealed     BYTEA  NOT NULL,
    -- The secret before, which signs too until then.
    old_key_id        TEXT,
    old_secret_sealed BYTEA,
    old_until         BIGINT,
    -- enabled, disabled
    state             TEXT   NOT NULL,
    -- The first failure since the last success.
    failing_since     BIGINT,
    disabled_at       BIGINT,
    disabled_why      TEXT,
    created_at        BIGINT NOT NULL
);

CREATE INDEX webhooks_by_tenant ON webhooks (tenant_id, id);

-- One event on its way to one endpoint.
CREATE TABLE webhook_deliveries (
    id          UUID    NOT NULL PRIMARY KEY,
    tenant_id   UUID    NOT NULL,
    webhook_id  UUID    NOT NULL,
    event_id    UUID    NOT NULL,
    -- queued, sending, delivered, failed
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    not_before  BIGINT  NOT NULL,
    lease_until BIGINT,
    -- What came of the last attempt: the HTTP status if there was one, else why there was none.
    last_status INTEGER,
    last_error  TEXT,
    last_at     BIGINT,
    created_at  BIGINT  NOT NULL
);

CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (webhook_id, event_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, not_before) WHERE state = 'queued';
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (lease_until) WHERE state = 'sending';
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
