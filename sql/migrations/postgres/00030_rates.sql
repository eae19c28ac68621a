-- +goose Up
-- How many requests a second one instance takes of each: -1 = what USHER_*_RATE
-- say, 0 = any number.
ALTER TABLE clients ADD COLUMN rate bigint NOT NULL DEFAULT -1;
ALTER TABLE api_connections ADD COLUMN rate bigint NOT NULL DEFAULT -1;
ALTER TABLE api_keys ADD COLUMN rate bigint NOT NULL DEFAULT -1;
ALTER TABLE scim_connections ADD COLUMN rate bigint NOT NULL DEFAULT -1;

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
