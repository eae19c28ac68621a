-- +goose Up
-- Every attempt to sign in, as it came and what became of it. Rows are appended
-- in batches and never changed, but for the erasure of a person; their ids are
-- UUIDv7 of the moment of arrival, so that a span of time is a span of ids.
CREATE TABLE sign_ins (
    tenant_id      text NOT NULL,
    id             text NOT NULL,
    at             timestamp NOT NULL,
    reference      text NOT NULL, -- the request's reference id; empty for a suppressed row
    door           text NOT NULL, -- get, post
    outcome        text NOT NULL, -- signed_in, refused, reopened, suppressed
    reason         text NOT NULL, -- of a refusal, else empty
    integration_id text, -- null = unknown
    key_id         text, -- that signed, or that was named; null = unknown
    user_id        text, -- null = unknown
    email          text NOT NULL, -- as claimed
    email_key      text, -- its compared form; null = none
    subject        text NOT NULL, -- as claimed
    issued_at      timestamp, -- as claimed; null = none
    header         text NOT NULL, -- the token's JSON as sent; empty = none, unreadable or too large
    payload        text NOT NULL, -- likewise
    detail         text NOT NULL, -- of a refusal, for administrators
    path           text NOT NULL, -- of the claim at fault
    expected       text NOT NULL, -- what should stand there
    warnings       text NOT NULL, -- JSON array of objects
    created        boolean NOT NULL,
    changed        boolean NOT NULL,
    added          integer NOT NULL, -- memberships
    removed        integer NOT NULL,
    granted        integer NOT NULL, -- credits
    revoked        integer NOT NULL,
    target         text NOT NULL, -- where the person was sent
    network        text NOT NULL, -- /24 or /48
    user_agent     text NOT NULL,
    count          integer NOT NULL, -- attempts that this row stands for
    PRIMARY KEY (tenant_id, id)
);
-- Each search has an index that ends in the id: its newest page is a few steps
-- from the end, however many rows there are. A success pays for four of them
-- beside its key, only refusals for the others.
CREATE INDEX sign_ins_reference ON sign_ins (reference, tenant_id, id);
CREATE INDEX sign_ins_email ON sign_ins (email_key, tenant_id, id) WHERE email_key IS NOT NULL;
CREATE INDEX sign_ins_email_refused ON sign_ins (email_key, tenant_id, id)
    WHERE email_key IS NOT NULL AND outcome <> 'signed_in';
CREATE INDEX sign_ins_user ON sign_ins (user_id, tenant_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX sign_ins_integration ON sign_ins (integration_id, tenant_id, id) WHERE integration_id IS NOT NULL;
CREATE INDEX sign_ins_outcome ON sign_ins (tenant_id, outcome, id) WHERE outcome <> 'signed_in';
CREATE INDEX sign_ins_reason ON sign_ins (tenant_id, reason, id) WHERE outcome <> 'signed_in';
CREATE INDEX sign_ins_integration_outcome ON sign_ins (integration_id, tenant_id, outcome, id)
    WHERE outcome <> 'signed_in';
CREATE INDEX sign_ins_integration_reason ON sign_ins (integration_id, tenant_id, reason, id)
    WHERE outcome <> 'signed_in';

-- The same attempts counted by the hour, for charts and for the use of keys:
-- these never read the log itself.
CREATE TABLE sign_in_counts (
    tenant_id      text NOT NULL,
    hour           integer NOT NULL, -- hours since 1970
    integration_id text NOT NULL, -- the nil UUID = unknown
    key_id         text NOT NULL, -- empty = unknown
    reason         text NOT NULL, -- empty = signed in
    count          integer NOT NULL,
    new_users      integer NOT NULL,
    last_at        integer NOT NULL, -- microseconds since 1970
    PRIMARY KEY (tenant_id, hour, integration_id, key_id, reason)
);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
