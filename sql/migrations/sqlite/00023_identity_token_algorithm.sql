-- +goose Up
-- The algorithm that signs a client's identity tokens (RFC 7518 §3.1).
ALTER TABLE clients ADD COLUMN identity_token_algorithm text NOT NULL DEFAULT 'ES256';

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
