-- Credentials of tenants. Only the hash of the secret part is kept.
CREATE TABLE api_keys (
    id           UUID   NOT NULL PRIMARY KEY,
    tenant_id    UUID   NOT NULL REFERENCES tenants (id),
    name         TEXT   NOT NULL,
    secret_hash  BYTEA  NOT NULL,
    scopes       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT
);

CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, created_at);
