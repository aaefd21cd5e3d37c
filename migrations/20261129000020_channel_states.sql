-- What the otp lane was last seen to do, channel by channel: a mail server that is down holds up no
-- code by SMS, so it must not have them refused.
DROP TABLE lane_states;
CREATE TABLE lane_states (
    lane            TEXT   NOT NULL,
    channel         TEXT   NOT NULL,
    waiting         BIGINT NOT NULL,
    drained_per_10s BIGINT NOT NULL,
    measured_at     BIGINT NOT NULL,
    PRIMARY KEY (lane, channel)
);
