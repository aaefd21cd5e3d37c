-- Which providers are left alone for now, known to all workers. No row: nothing is known against it.
CREATE TABLE provider_states (
    name         TEXT    NOT NULL PRIMARY KEY,
    -- Since when its breaker is open; empty while it is closed.
    opened_at    BIGINT,
    -- While it is open: when the next probe may be taken. Whoever moves it has the probe.
    probe_at     BIGINT  NOT NULL,
    -- Probes in a row that the provider answered.
    successes    INTEGER NOT NULL,
    -- The provider asked not to be called before then.
    paused_until BIGINT  NOT NULL,
    -- Why it was opened, or stays open.
    reason       TEXT,
    changed_at   BIGINT  NOT NULL
);
