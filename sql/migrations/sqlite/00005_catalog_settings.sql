-- +goose Up
-- Requests of the API that carry an Idempotency-Key, so that a repetition gets
-- the first answer instead of doing it again.
CREATE TABLE idempotency (
    tenant_id    text NOT NULL REFERENCES tenants (id),
    key_hash     blob NOT NULL, -- keyed hash of the key and of who sent it
    attempt      text NOT NULL, -- the run that may act; the next one takes over
    actor        text NOT NULL,
    route        text NOT NULL,
    request_hash blob NOT NULL, -- keyed hash of all that makes it the same request
    state        text NOT NULL, -- running, acted, answered
    answer       blob, -- sealed; null until answered
    busy_until   timestamp NOT NULL, -- a run that has not acted by then is given up
    expires_at   timestamp NOT NULL,
    PRIMARY KEY (key_hash, tenant_id)
);
CREATE INDEX idempotency_expires ON idempotency (expires_at, tenant_id);

-- What an ETag speaks of. The rows of the previous version count as the first.
ALTER TABLE groups ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE credits ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE tenants ADD COLUMN revision integer NOT NULL DEFAULT 1;

-- How long logs are kept; 0 = for ever.
ALTER TABLE tenants ADD COLUMN sign_in_log_days integer NOT NULL DEFAULT 90;
ALTER TABLE tenants ADD COLUMN journal_days integer NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN audit_days integer NOT NULL DEFAULT 0;

CREATE INDEX IF NOT EXISTS journal_at ON journal (at, tenant_id);
CREATE INDEX IF NOT EXISTS group_members_page ON group_members (group_id, user_id, tenant_id);
CREATE INDEX IF NOT EXISTS grants_credit ON grants (credit_id, tenant_id);
CREATE INDEX audit_log_actor ON audit_log (actor, seq, tenant_id);
CREATE INDEX audit_log_action ON audit_log (action, seq, tenant_id);
CREATE INDEX audit_log_object ON audit_log (object, seq, tenant_id);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
