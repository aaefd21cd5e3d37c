-- What answers as Twilio Verify does: a tenant's Services, each on one purpose, with what differs there.
CREATE TABLE verify_services (
    id            UUID    NOT NULL PRIMARY KEY,
    tenant_id     UUID    NOT NULL REFERENCES tenants (id),
    purpose       TEXT    NOT NULL,
    friendly_name TEXT    NOT NULL,
    code_length   INTEGER NOT NULL,
    custom_codes  INTEGER NOT NULL,
    payments      INTEGER NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);

CREATE INDEX verify_services_by_tenant ON verify_services (tenant_id, id);

-- Limits that callers name with a value of their own, such as the address of the person.
CREATE TABLE verify_rate_limits (
    id          UUID   NOT NULL PRIMARY KEY,
    service_id  UUID   NOT NULL,
    unique_name TEXT   NOT NULL,
    description TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

CREATE UNIQUE INDEX verify_rate_limits_by_name ON verify_rate_limits (service_id, unique_name);
CREATE INDEX verify_rate_limits_by_service ON verify_rate_limits (service_id, id);

CREATE TABLE verify_buckets (
    id            UUID    NOT NULL PRIMARY KEY,
    rate_limit_id UUID    NOT NULL,
    most          INTEGER NOT NULL,
    interval_secs INTEGER NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);

CREATE INDEX verify_buckets_by_rate_limit ON verify_buckets (rate_limit_id, id);

-- A Service's last verification of each recipient: whoever starts again means that one.
CREATE TABLE verify_starts (
    service_id      UUID   NOT NULL,
    recipient_hash  BYTEA  NOT NULL,
    verification_id UUID   NOT NULL,
    -- Longer than any idempotency key that names it.
    kept_until      BIGINT NOT NULL,
    PRIMARY KEY (service_id, recipient_hash)
);

CREATE INDEX verify_starts_by_age ON verify_starts (kept_until);
