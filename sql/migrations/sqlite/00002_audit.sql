-- +goose Up
-- What administrators did, per tenant a chain of hashes: each row's hash covers
-- the row and the hash before it (see docs/adr/0006).
CREATE TABLE audit_log (
    tenant_id  text NOT NULL REFERENCES tenants (id),
    seq        integer NOT NULL, -- 1, 2, 3, … without a gap
    at         integer NOT NULL, -- microseconds since 1970
    actor      text NOT NULL,
    actor_name text NOT NULL,
    action     text NOT NULL,
    object     text NOT NULL,
    detail     text NOT NULL, -- JSON object
    reference  text NOT NULL, -- the request's reference id; empty for a command
    hash       blob NOT NULL,
    PRIMARY KEY (seq, tenant_id)
);

-- Where each chain ends, and where it begins since older rows were dropped.
CREATE TABLE audit_heads (
    tenant_id text PRIMARY KEY REFERENCES tenants (id),
    seq       integer NOT NULL,
    hash      blob NOT NULL,
    base_seq  integer NOT NULL,
    base_hash blob NOT NULL
);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
