-- Tenants for tests, whose messages go to no provider, and tenants whose keys do not count for now. A tenant
-- stays what it was made as.
ALTER TABLE tenants ADD COLUMN sandbox INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN disabled_at BIGINT;
-- Of a sandbox: the number of the last message in its inbox.
ALTER TABLE tenants ADD COLUMN inbox_number BIGINT NOT NULL DEFAULT 0;

CREATE INDEX tenants_sandbox ON tenants (name) WHERE sandbox = 1;
