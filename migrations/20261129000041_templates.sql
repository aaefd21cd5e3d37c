-- Texts of one's own. Each change is a new version; what counts is the one that nothing has superseded.
CREATE TABLE templates (
    id            UUID    NOT NULL PRIMARY KEY,
    -- Whose it is. The default tenant's id is nil, so that of all tenants is told apart by a column.
    tenant_id     UUID    NOT NULL,
    for_everyone  INTEGER NOT NULL,
    -- Those of 'default' are also those of every purpose that has none.
    purpose       TEXT    NOT NULL,
    -- 'sms', 'email' or 'voice'.
    channel       TEXT    NOT NULL,
    -- Canonical BCP 47.
    locale        TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    -- Of an e-mail.
    title         TEXT,
    -- None in a version that took the text away.
    body          TEXT,
    -- Names that a request gives values for, separated by spaces.
    variables     TEXT    NOT NULL,
    -- The API key's id, or 'cli'.
    changed_by    TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    superseded_at BIGINT,
    UNIQUE (tenant_id, for_everyone, purpose, channel, locale, version)
);

CREATE UNIQUE INDEX templates_that_count
    ON templates (tenant_id, for_everyone, purpose, channel, locale) WHERE superseded_at IS NULL;

-- The language of a tenant's people who ask for none, in BCP 47.
ALTER TABLE tenants ADD COLUMN language TEXT;
-- The language that somebody asked for, in BCP 47.
ALTER TABLE verifications ADD COLUMN locale TEXT;
