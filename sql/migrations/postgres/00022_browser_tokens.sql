-- +goose Up
-- Whether a client's own pages get tokens without its secret (/api/v0/token).
ALTER TABLE clients ADD COLUMN browser_tokens boolean NOT NULL DEFAULT false;

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
