-- +goose Up
-- Applications that may ask for tokens. Names that clients send are compared and
-- sorted byte by byte, as SQLite does it anyway.
CREATE TABLE clients (
    tenant_id           uuid NOT NULL REFERENCES tenants (id),
    id                  uuid NOT NULL,
    client_id           text COLLATE "C" NOT NULL, -- by which it calls itself (RFC 6749 §2.2); it never changes
    name                text NOT NULL,
    grants              text NOT NULL, -- JSON list of grant types
    api_scopes          text NOT NULL, -- JSON list of the scopes that it may ask for
    access_token_format text NOT NULL, -- 'jwt', 'at+jwt' or 'reference'
    access_token_life   bigint NOT NULL, -- seconds
    disabled            boolean NOT NULL,
    revision            bigint NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE UNIQUE INDEX clients_client_id ON clients (tenant_id, client_id);

-- The secret itself is not kept. It is of 256 random bits, so that its hash can
-- be a fast one.
CREATE TABLE client_secrets (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    owner_id   uuid NOT NULL,
    digest     bytea NOT NULL, -- SHA-256 of the secret
    ending     text NOT NULL, -- its last characters
    created_at timestamptz NOT NULL,
    expires_at timestamptz, -- NULL = never
    used_at    timestamptz, -- within a minute; NULL = never
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (owner_id, tenant_id) REFERENCES clients (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX client_secrets_owner ON client_secrets (owner_id, tenant_id, id);

-- Resource servers, which accept access tokens.
CREATE TABLE api_connections (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    id           uuid NOT NULL,
    name         text COLLATE "C" NOT NULL, -- also that of its first scope
    display_name text NOT NULL,
    revision     bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE UNIQUE INDEX api_connections_name ON api_connections (tenant_id, name);

-- As client_secrets.
CREATE TABLE api_connection_secrets (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    owner_id   uuid NOT NULL,
    digest     bytea NOT NULL,
    ending     text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    used_at    timestamptz,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (owner_id, tenant_id) REFERENCES api_connections (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX api_connection_secrets_owner ON api_connection_secrets (owner_id, tenant_id, id);

-- What an access token can be good for at an API connection.
CREATE TABLE api_scopes (
    tenant_id     uuid NOT NULL,
    name          text COLLATE "C" NOT NULL,
    connection_id uuid NOT NULL,
    display_name  text NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (name, tenant_id),
    FOREIGN KEY (connection_id, tenant_id) REFERENCES api_connections (id, tenant_id)
);
CREATE INDEX api_scopes_connection ON api_scopes (connection_id, tenant_id, name);
CREATE INDEX api_scopes_tenant ON api_scopes (tenant_id, name);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
