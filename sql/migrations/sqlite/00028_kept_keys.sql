-- +goose Up
-- Keys of the whole installation that outlive the master key, sealed under it. They
-- belong to no tenant: each may hold rows that the same key speaks of.
CREATE TABLE kept_keys (
    name       text PRIMARY KEY,
    sealed     blob NOT NULL,
    created_at timestamp NOT NULL
);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
