-- +goose Up
-- Whom a user was merged into; null = nobody. Such a user has the status
-- "merged", holds nothing any more and keeps its journal.
ALTER TABLE users ADD COLUMN merged_into text;
CREATE INDEX IF NOT EXISTS users_merged ON users (merged_into, tenant_id) WHERE merged_into IS NOT NULL;

-- The list of users: newest first, those who are not active, by the beginning
-- of the e-mail.
CREATE INDEX IF NOT EXISTS users_newest ON users (tenant_id, id);
CREATE INDEX IF NOT EXISTS users_out ON users (tenant_id, status, id) WHERE status <> 'active';
CREATE INDEX IF NOT EXISTS users_email ON users (tenant_id, email_key);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
