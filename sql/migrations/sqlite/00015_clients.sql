-- +goose Up
-- Applications that may ask for tokens.
CREATE TABLE clients (
    tenant_id           text NOT NULL REFERENCES tenants (id),
    id                  text NOT NULL,
    client_id           text NOT NULL, -- by which it calls itself (RFC 6749 §2.2); it never changes
    name                text NOT NULL,
    grants              text NOT NULL, -- JSON list of grant types
    api_scopes          text NOT NULL, -- JSON list of the scopes that it may ask for
    access_token_format text NOT NULL, -- 'jwt', 'at+jwt' or 'reference'
    access_token_life   integer NOT NULL, -- seconds
    disabled            boolean NOT NULL,
    revision            integer NOT NULL,
    created_at          timestamp NOT NULL,
    updated_at          timestamp NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE UNIQUE INDEX clients_client_id ON clients (tenant_id, client_id);

-- The secret itself is not kept. It is of 256 random bits, so that its hash can
-- be a fast one.
CREATE TABLE client_secrets (
    tenant_id  text NOT NULL,
    id         text NOT NULL,
    owner_id   text NOT NULL,
    digest     blob NOT NULL, -- SHA-256 of the secret
    ending     text NOT NULL, -- its last characters
    created_at timestamp NOT NULL,
    expires_at timestamp, -- NULL = never
    used_at    timestamp, -- within a minute; NULL = never
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (owner_id, tenant_id) REFERENCES clients (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX client_secrets_owner ON client_secrets (owner_id, tenant_id, id);

-- Resource servers, which accept access tokens.
CREATE TABLE api_connections (
    tenant_id    text NOT NULL REFERENCES tenants (id),
    id           text NOT NULL,
    name         text NOT NULL, -- also that of its first scope
    display_name text NOT NULL,
    revision     integer NOT NULL,
    created_at   timestamp NOT NULL,
    updated_at   timestamp NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE UNIQUE INDEX api_connections_name ON api_connections (tenant_id, name);

-- As client_secrets.
CREATE TABLE api_connection_secrets (
    tenant_id  text NOT NULL,
    id         text NOT NULL,
    owner_id   text NOT NULL,
    digest     blob NOT NULL,
    ending     text NOT NULL,
    created_at timestamp NOT NULL,
    expires_at timestamp,
    used_at    timestamp,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (owner_id, tenant_id) REFERENCES api_connections (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX api_connection_secrets_owner ON api_connection_secrets (owner_id, tenant_id, id);

-- What an access token can be good for at an API connection.
CREATE TABLE api_scopes (
    tenant_id     text NOT NULL,
    name          text NOT NULL,
    connection_id text NOT NULL,
    display_name  text NOT NULL,
    created_at    timestamp NOT NULL,
    PRIMARY KEY (name, tenant_id),
    FOREIGN KEY (connection_id, tenant_id) REFERENCES api_connections (id, tenant_id)
);
CREATE INDEX api_scopes_connection ON api_scopes (connection_id, tenant_id, name);
CREATE INDEX api_scopes_tenant ON api_scopes (tenant_id, name);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
