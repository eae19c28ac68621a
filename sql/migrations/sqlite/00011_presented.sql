-- +goose Up
-- Embeds and API calls present one token again and again: how old it may be,
-- and from where the content of embeds may come.
ALTER TABLE integrations ADD COLUMN embed_max_age integer NOT NULL DEFAULT 3600; -- seconds; 0 = none
ALTER TABLE integrations ADD COLUMN content_origins text NOT NULL DEFAULT '[]'; -- JSON array of origins

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
