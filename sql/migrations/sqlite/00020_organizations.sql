-- +goose Up
-- Clients that stand for an organization, in a tree. The display name, the
-- secrets and all settings are those of the client.
CREATE TABLE organizations (
    tenant_id  text NOT NULL,
    id         text NOT NULL, -- that of the client's row
    global_id  text NOT NULL, -- also the client id: the parent's, a dot, and a name of its own; it never changes
    parent_id  text, -- NULL = a root
    created_at timestamp NOT NULL,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (id, tenant_id) REFERENCES clients (id, tenant_id),
    FOREIGN KEY (parent_id, tenant_id) REFERENCES organizations (id, tenant_id)
);
CREATE UNIQUE INDEX organizations_global_id ON organizations (tenant_id, global_id);
CREATE INDEX organizations_parent ON organizations (parent_id, tenant_id);
-- An organization stands right before those below it when the dots sort before
-- all other characters of a global id.
CREATE INDEX organizations_place ON organizations (tenant_id, replace(global_id, '.', '!'));

CREATE TABLE organization_members (
    tenant_id       text NOT NULL,
    organization_id text NOT NULL,
    user_id         text NOT NULL,
    role            text NOT NULL, -- 'member' or 'owner'
    created_at      timestamp NOT NULL,
    PRIMARY KEY (organization_id, user_id, tenant_id),
    FOREIGN KEY (organization_id, tenant_id) REFERENCES organizations (id, tenant_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX organization_members_user ON organization_members (user_id, tenant_id, organization_id);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
