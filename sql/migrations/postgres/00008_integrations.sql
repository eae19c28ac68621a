-- +goose Up
-- Groups and credits that an integration's tokens have named and the catalogue
-- lacked: for its page, where they can be created. Only counts, written now and
-- then; nothing is decided by them.
CREATE TABLE unknown_names (
    tenant_id      uuid NOT NULL REFERENCES tenants (id),
    integration_id uuid NOT NULL,
    kind           text NOT NULL, -- group, credit
    name           text NOT NULL, -- a group's external id, a credit's id in decimal
    count          bigint NOT NULL,
    first_seen     timestamptz NOT NULL,
    last_seen      timestamptz NOT NULL,
    PRIMARY KEY (integration_id, kind, name, tenant_id)
);

-- Who is known by an integration: for the preview of its removal.
CREATE INDEX IF NOT EXISTS identities_integration ON identities (integration_id, user_id, tenant_id);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
