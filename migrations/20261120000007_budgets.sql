-- What must survive a loss of Redis: wrong guesses per recipient and day, sends per tenant and day.
CREATE TABLE guess_budgets (
    tenant_id      UUID    NOT NULL,
    recipient_hash BYTEA   NOT NULL,
    day            BIGINT  NOT NULL,
    guesses        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, recipient_hash, day)
);

CREATE INDEX guess_budgets_day ON guess_budgets (day);

CREATE TABLE send_budgets (
    tenant_id UUID   NOT NULL,
    day       BIGINT NOT NULL,
    sends     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
