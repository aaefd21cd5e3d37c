-- What happened to verifications and messages, for those who listen. No address and no code: whom it was
-- about is read from the row it names.
CREATE TABLE events (
    id              UUID   NOT NULL PRIMARY KEY,
    tenant_id       UUID   NOT NULL,
    kind            TEXT   NOT NULL,
    verification_id UUID,
    message_id      UUID,
    -- Of what is about an endpoint, or for one alone.
    webhook_id      UUID,
    channel         TEXT,
    purpose         TEXT,
    -- The error class of a message that did not arrive; why an endpoint was disabled.
    reason          TEXT,
    at              BIGINT NOT NULL,
    -- Its place in the log, in the order of the commits; none until it has been handed out to endpoints.
    seq             BIGINT
);

CREATE INDEX events_untold ON events (at, id) WHERE seq IS NULL;
CREATE UNIQUE INDEX events_log ON events (tenant_id, seq);
CREATE INDEX events_by_age ON events (at);

-- The last place that was given. Whoever gives places holds this row until its commit.
CREATE TABLE event_counter (
    one  INTEGER NOT NULL PRIMARY KEY,
    last BIGINT  NOT NULL
);
INSERT INTO event_counter (one, last) VALUES (1, 0);
