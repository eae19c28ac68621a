-- +goose Up
-- Every table carries its tenant in its keys, behind the columns that tell rows
-- apart: plans made while a table is empty are kept, and with the tenant first
-- they could settle on an index that finds all rows of the tenant.
CREATE TABLE tenants (
    id               uuid PRIMARY KEY,
    name             text NOT NULL,
    -- Grows when a group or credit appears; see usher_apply_1.
    catalog_revision bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL
);

CREATE TABLE tenant_hosts (
    host      text PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id)
);

CREATE TABLE integrations (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    app_id           text NOT NULL,
    name             text NOT NULL,
    revision         bigint NOT NULL,
    generation       bigint NOT NULL,
    issuer           text NOT NULL,
    max_age          bigint NOT NULL, -- seconds; 0 = none
    leeway           bigint NOT NULL, -- seconds
    landing_page     text NOT NULL,
    sign_in_url      text NOT NULL, -- the partner's page that makes links; "" = none
    require_nonce    boolean NOT NULL,
    return_origins   text NOT NULL, -- JSON array of origins
    embed_origins    text NOT NULL, -- JSON array of origins
    link_policy      text NOT NULL,
    auto_create      boolean NOT NULL,
    single_use       boolean NOT NULL,
    unknown_groups   text NOT NULL,
    unknown_credits  text NOT NULL,
    group_scope      text NOT NULL,
    meta_mode        text NOT NULL,
    session_idle     bigint NOT NULL, -- seconds
    session_absolute bigint NOT NULL, -- seconds
    accept_after     timestamptz NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    removed_at       timestamptz,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (app_id, tenant_id)
);

CREATE TABLE integration_keys (
    tenant_id      uuid NOT NULL,
    id             text NOT NULL, -- the JWT kid
    integration_id uuid NOT NULL,
    algorithm      text NOT NULL,
    sealed_secret  bytea,
    public_key     bytea,
    created_at     timestamptz NOT NULL,
    retires_at     timestamptz,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);

CREATE TABLE users (
    tenant_id      uuid NOT NULL REFERENCES tenants (id),
    id             uuid NOT NULL,
    -- Grows with every change of the user, its memberships or its grants:
    -- what was decided under another version is not written.
    version        bigint NOT NULL,
    status         text NOT NULL, -- active, disabled, erased
    session_epoch  bigint NOT NULL,
    email          text NOT NULL,
    email_key      text, -- the compared form; null = none
    email_verified boolean,
    first_name     text NOT NULL,
    last_name      text NOT NULL,
    name           text NOT NULL,
    phone          text NOT NULL,
    birthdate      text NOT NULL,
    locale         text NOT NULL,
    picture        text NOT NULL,
    meta           text NOT NULL, -- JSON object, as text so that it round-trips
    onboarding     boolean NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (email_key, tenant_id)
);

CREATE TABLE identities (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL,
    integration_id uuid NOT NULL,
    user_id        uuid NOT NULL,
    subject        text,
    email_key      text, -- what this integration last called the person
    fingerprint    bytea, -- null = the next sign-in compares everything
    -- The newest iat applied, in microseconds since 1970.
    applied_at     bigint,
    -- The last token named a group or credit that the catalogue lacks.
    unresolved     boolean NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (subject, integration_id, tenant_id),
    UNIQUE (email_key, integration_id, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX identities_user ON identities (user_id, tenant_id);
CREATE INDEX identities_unresolved ON identities (tenant_id) WHERE unresolved;

CREATE TABLE groups (
    tenant_id   uuid NOT NULL REFERENCES tenants (id),
    id          uuid NOT NULL,
    external_id text NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (tenant_id, external_id)
);

CREATE TABLE group_members (
    tenant_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    group_id   uuid NOT NULL,
    source     uuid NOT NULL, -- an integration's id; the nil UUID = manual
    pinned     boolean NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, group_id, source, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, id)
);
CREATE INDEX group_members_group ON group_members (group_id, tenant_id);

CREATE TABLE credits (
    tenant_id  uuid NOT NULL REFERENCES tenants (id),
    id         bigint NOT NULL,
    name       text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- No foreign key to credits: a grant of an id that the catalogue lacks is
-- parked, and takes effect when the id appears.
CREATE TABLE grants (
    tenant_id      uuid NOT NULL,
    user_id        uuid NOT NULL,
    integration_id uuid NOT NULL,
    order_id       text NOT NULL,
    credit_id      bigint NOT NULL,
    granted_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    consumed_at    timestamptz,
    consumed_by    text, -- the request key that consumed it
    PRIMARY KEY (user_id, integration_id, order_id, credit_id, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE UNIQUE INDEX grants_consumed_by ON grants (consumed_by, tenant_id) WHERE consumed_by IS NOT NULL;

CREATE TABLE used_tokens (
    tenant_id      uuid NOT NULL,
    integration_id uuid NOT NULL,
    token_key      bytea NOT NULL,
    identity_id    uuid NOT NULL,
    issued_at      bigint, -- iat in microseconds since 1970; null = none
    attempt        uuid NOT NULL, -- the sign-in that spent it
    not_after      bigint, -- exp with the largest tolerance, in microseconds; null = no exp
    -- When to see whether the row can go, in microseconds since 1970: by the
    -- limits of the integration as they were; null = never.
    expires_at     bigint,
    PRIMARY KEY (token_key, integration_id, tenant_id)
);
CREATE INDEX used_tokens_identity ON used_tokens (identity_id, issued_at, tenant_id);
CREATE INDEX used_tokens_expires ON used_tokens (expires_at);

-- Keyed hashes of erased people's subjects and e-mails.
CREATE TABLE tombstones (
    tenant_id uuid NOT NULL,
    digest    bytea NOT NULL,
    user_id   uuid NOT NULL,
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE journal (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL,
    at             timestamptz NOT NULL,
    user_id        uuid NOT NULL,
    integration_id uuid, -- null = not a partner's token
    key_id         text,
    reference      text NOT NULL, -- the sign-in's or the admin request's reference id
    actor          text NOT NULL,
    what           text NOT NULL,
    detail         text NOT NULL, -- JSON object
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX journal_user ON journal (user_id, id, tenant_id);

-- The session store's SQL form.
CREATE TABLE kv_sessions (
    tenant_id  uuid NOT NULL,
    key        bytea NOT NULL,
    user_id    uuid NOT NULL,
    value      bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (key, tenant_id)
);
CREATE INDEX kv_sessions_user ON kv_sessions (user_id, tenant_id);
CREATE INDEX kv_sessions_expires ON kv_sessions (expires_at);

CREATE TABLE kv_epochs (
    tenant_id uuid NOT NULL,
    user_id   uuid NOT NULL,
    epoch     bigint NOT NULL,
    PRIMARY KEY (user_id, tenant_id)
);

CREATE TABLE kv_generations (
    tenant_id      uuid NOT NULL,
    integration_id uuid NOT NULL,
    generation     bigint NOT NULL,
    PRIMARY KEY (integration_id, tenant_id)
);

-- usher_apply_1 writes one planned sign-in, or nothing. The plan was made from
-- a state read earlier without locks; it is written only if that state still
-- holds. Answers:
--   applied   written
--   stale     a newer token of this identity was used: only the token is spent
--   replayed  the token was spent before, by another sign-in
--   moved     the state has changed since it was read: read and plan again
-- Each statement of a volatile function has a snapshot of its own, so that
-- what follows a lock sees what its earlier holder committed.
-- +goose StatementBegin
CREATE FUNCTION usher_apply_1(p jsonb) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    t         constant uuid := (p->>'tenant')::uuid;
    n         constant uuid := (p->>'integration')::uuid;
    u         constant uuid := (p#>>'{user,id}')::uuid;
    i         constant uuid := (p#>>'{identity,id}')::uuid;
    new_user  constant boolean := (p#>>'{user,create}')::boolean;
    new_ident constant boolean := (p#>>'{identity,create}')::boolean;
    at        constant timestamptz := (p->>'at')::timestamptz;
    iat       constant bigint := (p#>>'{token,issued_at}')::bigint;
    found_one boolean;
    stale     boolean;
BEGIN
    -- Shared with other sign-ins, exclusive with the integration's removal.
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('usher integration ' || n::text, 0));
    PERFORM 1 FROM integrations
      WHERE tenant_id = t AND id = n AND revision = (p->>'revision')::bigint AND removed_at IS NULL;
    IF NOT FOUND THEN RETURN 'moved'; END IF;

    -- Lock order everywhere: tenant, then user, then identity.
    IF p ? 'new_groups' THEN
        PERFORM 1 FROM tenants WHERE id = t FOR NO KEY UPDATE;
    ELSIF (p->>'check_catalog')::boolean THEN
        PERFORM 1 FROM tenants WHERE id = t FOR SHARE;
    END IF;
    IF (p->>'check_catalog')::boolean THEN
        PERFORM 1 FROM tenants WHERE id = t AND catalog_revision = (p->>'catalog_revision')::bigint;
        IF NOT FOUND THEN RETURN 'moved'; END IF;
    END IF;
    IF NOT new_user THEN
        PERFORM 1 FROM users
          WHERE tenant_id = t AND id = u AND version = (p#>>'{user,version}')::bigint AND status = 'active'
          FOR NO KEY UPDATE;
        IF NOT FOUND THEN RETURN 'moved'; END IF;
    END IF;
    IF NOT new_ident THEN
        -- FOR UPDATE waits for unchanged sign-ins in flight, which hold FOR
        -- KEY SHARE: the next statement sees the tokens that they spent.
        PERFORM 1 FROM identities WHERE tenant_id = t AND id = i AND user_id = u FOR UPDATE;
        IF NOT FOUND THEN RETURN 'moved'; END IF;
    END IF;

    stale := NOT new_ident AND iat IS NOT NULL AND (
        EXISTS (SELECT 1 FROM used_tokens WHERE tenant_id = t AND identity_id = i AND issued_at > iat)
        OR EXISTS (SELECT 1 FROM identities WHERE tenant_id = t AND id = i AND applied_at > iat));

    INSERT INTO used_tokens (tenant_id, integration_id, token_key, identity_id, issued_at, attempt, not_after,
                             expires_at)
      VALUES (t, n, decode(p#>>'{token,key}', 'hex'), i, iat, (p#>>'{token,attempt}')::uuid,
              (p#>>'{token,not_after}')::bigint, (p#>>'{token,expires_at}')::bigint)
      ON CONFLICT DO NOTHING;
    IF NOT FOUND AND (p#>>'{token,single}')::boolean THEN
        SELECT attempt = (p#>>'{token,attempt}')::uuid INTO found_one FROM used_tokens
          WHERE tenant_id = t AND integration_id = n AND token_key = decode(p#>>'{token,key}', 'hex');
        IF found_one IS NOT TRUE THEN RETURN 'replayed'; END IF;
    END IF;

    IF stale THEN RETURN 'stale'; END IF;

    -- The identity row comes first: it is the person's mutex.
    IF new_ident THEN
        INSERT INTO identities (tenant_id, id, integration_id, user_id, subject, email_key, fingerprint,
                                applied_at, unresolved, created_at)
          VALUES (t, i, n, u, p#>>'{identity,subject}', p#>>'{identity,email_key}',
                  nullif(decode(p#>>'{identity,fingerprint}', 'hex'), ''), iat, (p#>>'{identity,unresolved}')::boolean, at)
          ON CONFLICT DO NOTHING;
        -- Taken back as a whole, the spent token too.
        IF NOT FOUND THEN RAISE EXCEPTION 'identity taken' USING ERRCODE = 'UM001'; END IF;
    ELSE
        UPDATE identities
          SET subject = p#>>'{identity,subject}', email_key = p#>>'{identity,email_key}',
              fingerprint = nullif(decode(p#>>'{identity,fingerprint}', 'hex'), ''),
              applied_at = greatest(applied_at, iat), unresolved = (p#>>'{identity,unresolved}')::boolean
          WHERE tenant_id = t AND id = i;
    END IF;

    IF new_user THEN
        INSERT INTO users (tenant_id, id, version, status, session_epoch, email, email_key, email_verified,
                           first_name, last_name, name, phone, birthdate, locale, picture, meta, onboarding,
                           created_at, updated_at)
          SELECT t, u, 1, 'active', 0, r.email, r.email_key, r.email_verified, r.first_name, r.last_name, r.name,
                 r.phone, r.birthdate, r.locale, r.picture, r.meta, r.onboarding, at, at
            FROM jsonb_to_record(p#>'{user,row}') AS r(email text, email_key text, email_verified boolean,
                 first_name text, last_name text, name text, phone text, birthdate text, locale text,
                 picture text, meta text, onboarding boolean)
          ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN RAISE EXCEPTION 'e-mail taken' USING ERRCODE = 'UM001'; END IF;
    ELSIF (p#>>'{user,changed}')::boolean THEN
        UPDATE users
          SET version = users.version + 1, updated_at = at, email = r.email, email_key = r.email_key,
              email_verified = r.email_verified, first_name = r.first_name, last_name = r.last_name,
              name = r.name, phone = r.phone, birthdate = r.birthdate, locale = r.locale, picture = r.picture,
              meta = r.meta
          FROM jsonb_to_record(p#>'{user,row}') AS r(email text, email_key text, email_verified boolean,
               first_name text, last_name text, name text, phone text, birthdate text, locale text,
               picture text, meta text)
          WHERE users.tenant_id = t AND users.id = u;
    END IF;
    -- What another integration's fingerprint stands for is no longer so.
    IF (p#>>'{user,shared}')::boolean THEN
        UPDATE identities SET fingerprint = NULL
          WHERE tenant_id = t AND user_id = u AND id <> i AND fingerprint IS NOT NULL;
    END IF;

    IF p ? 'new_groups' THEN
        INSERT INTO groups (tenant_id, id, external_id, name, description, created_at)
          SELECT t, r.id, r.external_id, r.external_id, '', at
            FROM jsonb_to_recordset(p->'new_groups') AS r(id uuid, external_id text)
            ORDER BY r.external_id;
        UPDATE tenants SET catalog_revision = catalog_revision + 1 WHERE id = t;
        UPDATE identities SET fingerprint = NULL WHERE tenant_id = t AND unresolved AND id <> i;
    END IF;
    IF p ? 'leave' THEN
        DELETE FROM group_members AS m USING jsonb_to_recordset(p->'leave') AS r("group" uuid, source uuid)
          WHERE m.tenant_id = t AND m.user_id = u AND m.group_id = r."group" AND m.source = r.source;
    END IF;
    IF p ? 'join' THEN
        INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at)
          SELECT t, u, r."group", n, false, at FROM jsonb_to_recordset(p->'join') AS r("group" uuid)
          ON CONFLICT DO NOTHING;
    END IF;
    IF p ? 'revoke' THEN
        UPDATE grants AS g SET revoked_at = at
          FROM jsonb_to_recordset(p->'revoke') AS r(order_id text, credit_id bigint)
          WHERE g.tenant_id = t AND g.user_id = u AND g.integration_id = n AND g.order_id = r.order_id
            AND g.credit_id = r.credit_id AND g.revoked_at IS NULL;
    END IF;
    IF p ? 'grant' THEN
        INSERT INTO grants (tenant_id, user_id, integration_id, order_id, credit_id, granted_at)
          SELECT t, u, n, r.order_id, r.credit_id, at
            FROM jsonb_to_recordset(p->'grant') AS r(order_id text, credit_id bigint)
          ON CONFLICT (tenant_id, user_id, integration_id, order_id, credit_id) DO UPDATE SET revoked_at = NULL;
    END IF;
    IF p ? 'journal' THEN
        INSERT INTO journal (tenant_id, id, at, user_id, integration_id, key_id, reference, actor, what, detail)
          SELECT t, r.id, at, u, n, p->>'key_id', p->>'reference', '', r.what, r.detail
            FROM jsonb_to_recordset(p->'journal') AS r(id uuid, what text, detail text);
    END IF;
    RETURN 'applied';
END
$$;
-- +goose StatementEnd

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
