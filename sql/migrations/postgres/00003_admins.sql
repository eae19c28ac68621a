-- +goose Up
-- Those who administer a tenant.
CREATE TABLE admins (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    id           uuid NOT NULL,
    email        text NOT NULL,
    email_key    text NOT NULL, -- the compared form
    name         text NOT NULL,
    role         text NOT NULL, -- owner, admin, viewer
    operator     boolean NOT NULL, -- an owner at every tenant
    disabled     boolean NOT NULL,
    password     text NOT NULL, -- a PHC string; empty = none
    created_at   timestamptz NOT NULL,
    joined_at    timestamptz, -- null = has never been in
    PRIMARY KEY (id, tenant_id),
    UNIQUE (email_key, tenant_id)
);

-- Their sessions. tenant_id is where they are signed in; an operator's account
-- may be at home in another tenant.
CREATE TABLE admin_sessions (
    tenant_id  uuid NOT NULL,
    digest     bytea NOT NULL, -- SHA-256 of the cookie
    home_id    uuid NOT NULL, -- the account's tenant
    admin_id   uuid NOT NULL,
    method     text NOT NULL, -- how it was opened
    user_agent text NOT NULL,
    network    text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL, -- the absolute end
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (home_id, admin_id) REFERENCES admins (tenant_id, id)
);
CREATE INDEX admin_sessions_admin ON admin_sessions (admin_id, home_id);
CREATE INDEX admin_sessions_expires ON admin_sessions (expires_at);

-- What is good once: links that set a password, challenges of passkeys.
CREATE TABLE admin_tickets (
    tenant_id  uuid NOT NULL,
    digest     bytea NOT NULL, -- SHA-256 of what the browser holds
    kind       text NOT NULL,
    admin_id   uuid, -- null = nobody yet
    data       text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (digest, tenant_id)
);
CREATE INDEX admin_tickets_admin ON admin_tickets (admin_id, tenant_id);
CREATE INDEX admin_tickets_expires ON admin_tickets (expires_at);

-- How often somebody tried to sign in lately.
CREATE TABLE admin_attempts (
    tenant_id  uuid NOT NULL,
    bucket     bytea NOT NULL, -- SHA-256 of an address or a network
    count      bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, tenant_id)
);
CREATE INDEX admin_attempts_expires ON admin_attempts (expires_at);

-- The WebAuthn credentials of administrators.
CREATE TABLE admin_passkeys (
    tenant_id     uuid NOT NULL, -- the account's
    id            uuid NOT NULL,
    admin_id      uuid NOT NULL,
    host          text NOT NULL, -- the relying party's id
    credential_id bytea NOT NULL,
    public_key    bytea NOT NULL, -- COSE_Key
    sign_count    bigint NOT NULL,
    backup        boolean NOT NULL, -- may be on several devices
    name          text NOT NULL,
    created_at    timestamptz NOT NULL,
    used_at       timestamptz,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (credential_id, tenant_id),
    FOREIGN KEY (tenant_id, admin_id) REFERENCES admins (tenant_id, id)
);
CREATE INDEX admin_passkeys_admin ON admin_passkeys (admin_id, tenant_id);

-- Keys for automation.
CREATE TABLE api_keys (
    tenant_id  uuid NOT NULL REFERENCES tenants (id),
    id         uuid NOT NULL,
    name       text NOT NULL,
    digest     bytea NOT NULL, -- SHA-256 of the key
    ending     text NOT NULL, -- its last characters, to tell keys apart
    scopes     text NOT NULL, -- JSON array
    created_at timestamptz NOT NULL,
    expires_at timestamptz, -- null = never
    used_at    timestamptz, -- within a minute
    revoked_at timestamptz,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (digest, tenant_id)
);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
