-- Until when a drill keeps all workers from calling the provider.
ALTER TABLE provider_states ADD COLUMN drilled_until BIGINT NOT NULL DEFAULT 0;
