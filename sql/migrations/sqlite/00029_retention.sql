-- +goose Up
-- What has ended is found by when it did.
CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS alerts_closed ON alerts (changed_at) WHERE state = 'closed';
CREATE INDEX IF NOT EXISTS unknown_names_seen ON unknown_names (last_seen);
CREATE INDEX IF NOT EXISTS client_secrets_end ON client_secrets (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS api_connection_secrets_end ON api_connection_secrets (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhook_secrets_end ON webhook_secrets (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS scim_tokens_end ON scim_tokens (coalesce(revoked_at, expires_at));
CREATE INDEX IF NOT EXISTS api_keys_end ON api_keys (coalesce(revoked_at, expires_at));
CREATE INDEX IF NOT EXISTS integration_keys_end ON integration_keys (retires_at) WHERE retires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS claim_counts_period ON claim_counts (period);
CREATE INDEX IF NOT EXISTS drift_people_at ON drift_people (at);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
