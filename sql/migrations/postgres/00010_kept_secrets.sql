-- +goose Up
-- The key whose secret the kept answer shows; '' = none. It goes with the key.
ALTER TABLE idempotency ADD COLUMN secret_of text NOT NULL DEFAULT '';
CREATE INDEX idempotency_secret ON idempotency (secret_of, tenant_id) WHERE secret_of <> '';

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
