-- +goose Up
-- Long work. A runner holds a job by its lease, for as long as it renews it.
CREATE TABLE jobs (
    tenant_id   uuid NOT NULL REFERENCES tenants (id),
    id          uuid NOT NULL,
    kind        text NOT NULL,
    state       text NOT NULL, -- queued, running, done, failed, cancelled
    parameters  text NOT NULL, -- JSON object
    total       bigint NOT NULL, -- how much there is to do; 0 = not known
    done        bigint NOT NULL,
    cursor      text NOT NULL, -- where the next batch begins
    result      text NOT NULL, -- JSON object
    error       text NOT NULL,
    lease       uuid, -- who works on it; null = nobody
    lease_until timestamptz,
    actor       text NOT NULL,
    actor_name  text NOT NULL,
    reference   text NOT NULL,
    created_at  timestamptz NOT NULL,
    started_at  timestamptz,
    finished_at timestamptz,
    expires_at  timestamptz, -- when its parts go
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX jobs_tenant ON jobs (tenant_id, id);
CREATE INDEX jobs_open ON jobs (id, tenant_id) WHERE state IN ('queued', 'running');

-- What was given to a job, or what it has made: sealed under the master key.
CREATE TABLE job_parts (
    tenant_id  uuid NOT NULL,
    job_id     uuid NOT NULL,
    part       bigint NOT NULL, -- 1, 2, 3, …
    content    bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, part, tenant_id)
);
CREATE INDEX job_parts_expires ON job_parts (expires_at);

-- Undoing goes by the sign-in, or by what an integration did.
CREATE INDEX IF NOT EXISTS journal_reference ON journal (reference, user_id, tenant_id);
CREATE INDEX IF NOT EXISTS journal_integration ON journal (integration_id, user_id, at, tenant_id);

-- The drift guard.
ALTER TABLE integrations ADD COLUMN drift_guard boolean NOT NULL DEFAULT false;
ALTER TABLE integrations ADD COLUMN drift_threshold bigint NOT NULL DEFAULT 5; -- people within an hour

-- How many sign-ins had a claim, counted by the instances once a minute.
CREATE TABLE claim_counts (
    tenant_id      uuid NOT NULL,
    integration_id uuid NOT NULL,
    period         bigint NOT NULL, -- begin, in seconds since 1970
    sign_ins       bigint NOT NULL,
    had_groups     bigint NOT NULL,
    had_credits    bigint NOT NULL,
    had_meta       bigint NOT NULL,
    PRIMARY KEY (integration_id, period, tenant_id)
);

-- Whose groups an integration has emptied, or would have.
CREATE TABLE drift_people (
    tenant_id      uuid NOT NULL,
    integration_id uuid NOT NULL,
    user_id        uuid NOT NULL,
    at             timestamptz NOT NULL,
    reference      text NOT NULL, -- of the sign-in
    held           boolean NOT NULL,
    PRIMARY KEY (integration_id, user_id, tenant_id)
);

CREATE TABLE alerts (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL,
    integration_id uuid NOT NULL,
    kind           text NOT NULL, -- groups_emptied, claim_vanished
    claim          text NOT NULL, -- groups, credits or meta
    state          text NOT NULL, -- open, holding, released, dismissed, closed
    released_until timestamptz,
    opened_at      timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE UNIQUE INDEX alerts_current ON alerts (integration_id, kind, claim, tenant_id) WHERE state <> 'closed';

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
