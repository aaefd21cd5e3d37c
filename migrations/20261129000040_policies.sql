-- What holds for the verifications of one purpose beyond the configuration file: a row for each change, of
-- which the last one counts. The others are its history.
CREATE TABLE policies (
    -- Whose it is. One for everyone stands below those of the tenants.
    tenant_id    UUID    NOT NULL,
    for_everyone INTEGER NOT NULL,
    purpose      TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    is_current   INTEGER NOT NULL,
    -- JSON: the keys that differ, named as in the configuration. None when the change took them back.
    body         TEXT,
    -- The API key's id, or 'cli'.
    changed_by   TEXT    NOT NULL,
    changed_at   BIGINT  NOT NULL,
    PRIMARY KEY (for_everyone, tenant_id, purpose, version)
);

-- Those that count.
CREATE UNIQUE INDEX policies_current ON policies (for_everyone, tenant_id, purpose) WHERE is_current = 1;

-- Raised with every change of what processes hold in memory: whoever finds another number reads it again.
CREATE TABLE settings_revision (
    one      INTEGER NOT NULL PRIMARY KEY,
    revision BIGINT  NOT NULL
);
INSERT INTO settings_revision (one, revision) VALUES (1, 0);

-- 1 while the right code counts again after a success, 2 when that is over, 0 for a code that counts once.
ALTER TABLE verifications ADD COLUMN reusable INTEGER NOT NULL DEFAULT 0;
-- The sweep that ends what was reusable.
CREATE INDEX verifications_reusable ON verifications (expires_at) WHERE reusable = 1;
