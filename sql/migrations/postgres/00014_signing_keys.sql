-- +goose Up
-- Keys with which a tenant's tokens are signed. What a key is good for follows
-- from the times alone, so that all instances agree about it: made → active_at →
-- retired_at → gone_at.
CREATE TABLE signing_keys (
    tenant_id   uuid NOT NULL REFERENCES tenants (id),
    kid         text NOT NULL, -- RFC 7638 thumbprint
    number      bigint NOT NULL, -- 1, 2, … in the tenant: of two keys made at once one is refused
    algorithm   text NOT NULL, -- RFC 7518 §3.1
    public_jwk  text NOT NULL, -- RFC 7517
    private_key bytea, -- sealed PKCS #8; NULL = destroyed
    created_at  timestamptz NOT NULL,
    active_at   timestamptz NOT NULL, -- it signs from then on
    retired_at  timestamptz, -- it signs until then; NULL = until a successor is made
    gone_at     timestamptz, -- what it has signed is accepted until then
    PRIMARY KEY (kid, tenant_id),
    UNIQUE (tenant_id, number)
);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
