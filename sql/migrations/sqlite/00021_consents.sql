-- +goose Up
-- What people have allowed applications. It says no more than that a person need
-- not be asked again: what an application has is in its tokens.
CREATE TABLE consents (
    tenant_id text NOT NULL REFERENCES tenants (id),
    client    text NOT NULL, -- the id of its row
    user_id   text NOT NULL,
    scopes    text NOT NULL, -- JSON list of names, sorted
    given_at  timestamp NOT NULL, -- the last time
    PRIMARY KEY (client, user_id, tenant_id),
    FOREIGN KEY (client, tenant_id) REFERENCES clients (id, tenant_id) ON DELETE CASCADE,
    FOREIGN KEY (user_id, tenant_id) REFERENCES users (id, tenant_id)
);
CREATE INDEX consents_user ON consents (user_id, tenant_id, client);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
