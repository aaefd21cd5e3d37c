-- Who sends. The program adds the default tenant: a UUID literal is text in one of the two
-- databases and sixteen bytes in the other.
CREATE TABLE tenants (
    id             UUID   NOT NULL PRIMARY KEY,
    name           TEXT   NOT NULL UNIQUE,
    default_region TEXT,
    created_at     BIGINT NOT NULL
);
