-- Which processes live, so that limits can be shared out while Redis is away.
CREATE TABLE processes (
    id      UUID   NOT NULL PRIMARY KEY,
    role    TEXT   NOT NULL,
    seen_at BIGINT NOT NULL
);

-- Duties that one process at a time has.
CREATE TABLE duties (
    name       TEXT   NOT NULL PRIMARY KEY,
    holder     UUID   NOT NULL,
    held_until BIGINT NOT NULL
);

-- What the otp lane was last seen to do, for refusing what cannot be delivered in time.
CREATE TABLE lane_states (
    lane           TEXT   NOT NULL PRIMARY KEY,
    waiting        BIGINT NOT NULL,
    drained_per_10s BIGINT NOT NULL,
    measured_at    BIGINT NOT NULL
);
