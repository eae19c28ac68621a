-- +goose Up
-- Where a partner publishes its keys, what it may have said back-channel, and
-- how many sign-ins a second an instance takes of it.
ALTER TABLE integrations ADD COLUMN jwks_url text NOT NULL DEFAULT ''; -- "" = none
ALTER TABLE integrations ADD COLUMN allow_disable boolean NOT NULL DEFAULT false;
ALTER TABLE integrations ADD COLUMN sign_in_rate integer NOT NULL DEFAULT 200; -- 0 = not limited

-- The keys as they were last read there.
CREATE TABLE key_sets (
    tenant_id      text NOT NULL,
    integration_id text NOT NULL,
    url            text NOT NULL, -- where they were read
    keys           text NOT NULL, -- JSON array of objects with kid, alg and the public key
    left_out       text NOT NULL, -- JSON array of objects with kid and why
    fetched_at     timestamp, -- null = never
    failed_at      timestamp, -- of the last failure since; null = none
    problem        text NOT NULL, -- that it was
    PRIMARY KEY (integration_id, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
