-- +goose Up
-- How a frame of this sign-in holds its session: cookie, bearer, storage-access
-- or none, as its page has found out; '' = not said, or no frame.
ALTER TABLE sign_ins ADD COLUMN rung text NOT NULL DEFAULT '';

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
