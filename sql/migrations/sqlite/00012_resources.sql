-- +goose Up
-- What sites can embed.
CREATE TABLE resources (
    tenant_id      text NOT NULL REFERENCES tenants (id),
    kind           text NOT NULL,
    id             text NOT NULL,
    title          text NOT NULL,
    integration_id text NOT NULL, -- the owner
    restricted     boolean NOT NULL, -- only the owner's people may open it
    content_url    text NOT NULL, -- '' = our built-in page
    revision       integer NOT NULL,
    created_at     timestamp NOT NULL,
    updated_at     timestamp NOT NULL,
    PRIMARY KEY (kind, id, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);
CREATE INDEX resources_owner ON resources (integration_id, tenant_id, kind, id);
CREATE INDEX resources_tenant ON resources (tenant_id, kind, id);

-- Access tokens of partners' servers. The token itself is not kept. One is good
-- while its integration is installed and the key with whose secret it was asked
-- for is live.
CREATE TABLE client_tokens (
    tenant_id      text NOT NULL,
    digest         blob NOT NULL, -- SHA-256 of the token
    integration_id text NOT NULL,
    key_id         text NOT NULL,
    scope          text NOT NULL,
    created_at     timestamp NOT NULL,
    expires_at     timestamp NOT NULL,
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);
CREATE INDEX client_tokens_end ON client_tokens (expires_at);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
