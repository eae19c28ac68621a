-- +goose Up
-- Where applications want to be told of changes.
CREATE TABLE webhook_endpoints (
    tenant_id       uuid NOT NULL REFERENCES tenants (id),
    id              uuid NOT NULL,
    url             text NOT NULL, -- it may hold what only the receiver should know
    description     text NOT NULL,
    types           text NOT NULL, -- JSON list of event types; ["*"] = all
    revision        bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    failing_since   timestamptz, -- the first failure since the last success; null = the last attempt went well
    held_until      timestamptz, -- the receiver has asked for a pause
    disabled_at     timestamptz, -- null = events are sent
    disabled_reason text NOT NULL DEFAULT '', -- 'by_hand', 'gone' or 'failing'
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX webhook_endpoints_tenant ON webhook_endpoints (tenant_id, id);

-- Unlike those of clients they are kept: we sign with them. They are sealed
-- under the master key.
CREATE TABLE webhook_secrets (
    tenant_id     uuid NOT NULL,
    id            uuid NOT NULL,
    endpoint_id   uuid NOT NULL,
    sealed_secret bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz, -- null = never
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (endpoint_id, tenant_id) REFERENCES webhook_endpoints (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX webhook_secrets_endpoint ON webhook_secrets (endpoint_id, tenant_id, id);

-- Changes of which endpoints have yet to be told. Triggers write a row in the
-- transaction of the change, whichever version of the program makes it.
CREATE TABLE webhook_outbox (
    tenant_id      uuid NOT NULL,
    id             text NOT NULL, -- with the source 'journal' the entry's
    at             timestamptz NOT NULL,
    source         text NOT NULL, -- 'journal', 'audit' or 'groups'
    what           text NOT NULL, -- the code of the journal or the audit log
    object         text NOT NULL, -- the id of the user or the group; of an act what the audit log says
    integration_id uuid, -- whose token made the change; null = not a token
    reference      text NOT NULL,
    detail         text NOT NULL, -- JSON object; that of the journal stays there, as it is personal
    PRIMARY KEY (id, tenant_id)
);

CREATE TABLE webhook_events (
    tenant_id  uuid NOT NULL,
    id         text COLLATE "C" NOT NULL, -- msg_ and a UUIDv7 in hexadecimal
    type       text NOT NULL,
    payload    text NOT NULL, -- what is sent, byte by byte
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX webhook_events_created ON webhook_events (tenant_id, created_at);

CREATE TABLE webhook_deliveries (
    tenant_id   uuid NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    endpoint_id uuid NOT NULL,
    type        text NOT NULL, -- the event's
    state       text NOT NULL, -- 'waiting', 'delivered' or 'failed'
    attempts    bigint NOT NULL,
    tries       bigint NOT NULL, -- of these, the ones since it was queued last
    next_at     timestamptz NOT NULL, -- while waiting: when the next attempt is due, or the lease ends
    lease       uuid, -- of the attempt under way
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (event_id, endpoint_id, tenant_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_at, tenant_id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, event_id, tenant_id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (endpoint_id, state, event_id, tenant_id);

CREATE TABLE webhook_attempts (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    endpoint_id uuid NOT NULL,
    at          timestamptz NOT NULL,
    took        bigint NOT NULL, -- milliseconds
    status      bigint NOT NULL, -- of the answer; 0 = there was none
    fault       text NOT NULL, -- why it failed, as a code; '' = it did not
    answer      text NOT NULL, -- how the answer's body begins
    PRIMARY KEY (event_id, endpoint_id, id, tenant_id)
);

-- Days for which events and their deliveries are kept; 0 = for ever.
ALTER TABLE tenants ADD COLUMN webhook_days bigint NOT NULL DEFAULT 30;

-- One call for each statement, however many rows it writes. Where nobody wants
-- to be told, a look into an empty table is all that it costs.
-- +goose StatementBegin
CREATE FUNCTION usher_webhook_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM webhook_endpoints WHERE disabled_at IS NULL) THEN
        INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
          SELECT j.tenant_id, j.id::text, j.at, 'journal', j.what, j.user_id::text, j.integration_id, j.reference, '{}'
            FROM added j
           WHERE j.what NOT IN ('signed_out', 'session_ended', 'group_pinned', 'merged_into')
             AND EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = j.tenant_id AND e.disabled_at IS NULL);
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER webhook_journal AFTER INSERT ON journal
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usher_webhook_journal();

-- +goose StatementBegin
CREATE FUNCTION usher_webhook_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
      SELECT NEW.tenant_id, 'audit ' || NEW.seq, to_timestamp(NEW.at / 1000000.0), 'audit', NEW.action, NEW.object, NULL,
             NEW.reference, NEW.detail
       WHERE EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = NEW.tenant_id AND e.disabled_at IS NULL);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER webhook_audit AFTER INSERT ON audit_log FOR EACH ROW
    WHEN (NEW.action IN ('integration_installed', 'integration_changed', 'integration_removed', 'key_added', 'key_retired', 'key_kept'))
    EXECUTE FUNCTION usher_webhook_audit();

-- Tokens can make groups as well, which no act tells.
-- +goose StatementBegin
CREATE FUNCTION usher_webhook_groups() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    g record;
BEGIN
    IF TG_OP = 'DELETE' THEN g := OLD; ELSE g := NEW; END IF;
    INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
      SELECT g.tenant_id, gen_random_uuid()::text, clock_timestamp(), 'groups', lower(TG_OP), g.id::text, NULL, '',
             json_build_object('group', g.external_id)::text
       WHERE EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = g.tenant_id AND e.disabled_at IS NULL);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER webhook_groups_written AFTER INSERT OR DELETE ON groups FOR EACH ROW EXECUTE FUNCTION usher_webhook_groups();
CREATE TRIGGER webhook_groups_changed AFTER UPDATE ON groups FOR EACH ROW
    WHEN (OLD.name <> NEW.name OR OLD.description <> NEW.description) EXECUTE FUNCTION usher_webhook_groups();

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
