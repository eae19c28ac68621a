-- +goose Up
-- What a tenant tells clients about people beyond what every tenant can.
CREATE TABLE custom_claims (
    tenant_id    text NOT NULL REFERENCES tenants (id),
    name         text NOT NULL, -- as tokens call it; it never changes
    display_name text NOT NULL,
    type         text NOT NULL, -- 'text', 'number', 'boolean', 'date' or 'url'; it never changes
    meta_path    text NOT NULL, -- where users.meta has the value: members with dots between; '' = nowhere
    revision     integer NOT NULL,
    created_at   timestamp NOT NULL,
    updated_at   timestamp NOT NULL,
    PRIMARY KEY (name, tenant_id)
);
CREATE INDEX custom_claims_tenant ON custom_claims (tenant_id, name);

-- Bundles of claims that a client can ask for. Those that every tenant has are
-- not here.
CREATE TABLE identity_scopes (
    tenant_id    text NOT NULL REFERENCES tenants (id),
    name         text NOT NULL, -- it never changes
    display_name text NOT NULL,
    claims       text NOT NULL, -- JSON list of names, sorted
    revision     integer NOT NULL,
    created_at   timestamp NOT NULL,
    updated_at   timestamp NOT NULL,
    PRIMARY KEY (name, tenant_id)
);
CREATE INDEX identity_scopes_tenant ON identity_scopes (tenant_id, name);

-- Values of custom claims that a person or an administrator has entered.
CREATE TABLE claim_values (
    tenant_id  text NOT NULL,
    user_id    text NOT NULL,
    claim      text NOT NULL,
    value      text NOT NULL, -- JSON of the claim's type
    entered_by text NOT NULL, -- 'person', or who did it as the audit log writes it
    updated_at timestamp NOT NULL,
    PRIMARY KEY (user_id, claim, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (claim, tenant_id) REFERENCES custom_claims (name, tenant_id) ON DELETE CASCADE
);
CREATE INDEX claim_values_claim ON claim_values (claim, tenant_id);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
