-- +goose Up
-- Endings of sessions that the session store may not have heard of: written with
-- what ends the sessions, and deleted when the session store is known to know.
CREATE TABLE endings (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    subject   uuid NOT NULL, -- whose sessions: a user's or an integration's
    kind      text NOT NULL, -- user, integration
    number    bigint NOT NULL, -- the user's session_epoch, the integration's generation
    at        timestamptz NOT NULL,
    PRIMARY KEY (subject, tenant_id)
);
CREATE INDEX endings_at ON endings (at, tenant_id);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
