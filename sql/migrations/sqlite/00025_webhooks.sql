-- +goose Up
-- Where applications want to be told of changes.
CREATE TABLE webhook_endpoints (
    tenant_id       text NOT NULL REFERENCES tenants (id),
    id              text NOT NULL,
    url             text NOT NULL, -- it may hold what only the receiver should know
    description     text NOT NULL,
    types           text NOT NULL, -- JSON list of event types; ["*"] = all
    revision        integer NOT NULL,
    created_at      timestamp NOT NULL,
    updated_at      timestamp NOT NULL,
    failing_since   timestamp, -- the first failure since the last success; null = the last attempt went well
    held_until      timestamp, -- the receiver has asked for a pause
    disabled_at     timestamp, -- null = events are sent
    disabled_reason text NOT NULL DEFAULT '', -- 'by_hand', 'gone' or 'failing'
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX webhook_endpoints_tenant ON webhook_endpoints (tenant_id, id);

-- Unlike those of clients they are kept: we sign with them. They are sealed
-- under the master key.
CREATE TABLE webhook_secrets (
    tenant_id     text NOT NULL,
    id            text NOT NULL,
    endpoint_id   text NOT NULL,
    sealed_secret blob NOT NULL,
    created_at    timestamp NOT NULL,
    expires_at    timestamp, -- null = never
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (endpoint_id, tenant_id) REFERENCES webhook_endpoints (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX webhook_secrets_endpoint ON webhook_secrets (endpoint_id, tenant_id, id);

-- Changes of which endpoints have yet to be told. Triggers write a row in the
-- transaction of the change, whichever version of the program makes it.
CREATE TABLE webhook_outbox (
    tenant_id      text NOT NULL,
    id             text NOT NULL, -- with the source 'journal' the entry's
    at             timestamp NOT NULL,
    source         text NOT NULL, -- 'journal', 'audit' or 'groups'
    what           text NOT NULL, -- the code of the journal or the audit log
    object         text NOT NULL, -- the id of the user or the group; of an act what the audit log says
    integration_id text, -- whose token made the change; null = not a token
    reference      text NOT NULL,
    detail         text NOT NULL, -- JSON object; that of the journal stays there, as it is personal
    PRIMARY KEY (id, tenant_id)
);

CREATE TABLE webhook_events (
    tenant_id  text NOT NULL,
    id         text NOT NULL, -- msg_ and a UUIDv7 in hexadecimal
    type       text NOT NULL,
    payload    text NOT NULL, -- what is sent, byte by byte
    created_at timestamp NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX webhook_events_created ON webhook_events (tenant_id, created_at);

CREATE TABLE webhook_deliveries (
    tenant_id   text NOT NULL,
    event_id    text NOT NULL,
    endpoint_id text NOT NULL,
    type        text NOT NULL, -- the event's
    state       text NOT NULL, -- 'waiting', 'delivered' or 'failed'
    attempts    integer NOT NULL,
    tries       integer NOT NULL, -- of these, the ones since it was queued last
    next_at     timestamp NOT NULL, -- while waiting: when the next attempt is due, or the lease ends
    lease       text, -- of the attempt under way
    created_at  timestamp NOT NULL,
    finished_at timestamp,
    PRIMARY KEY (event_id, endpoint_id, tenant_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_at, tenant_id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, event_id, tenant_id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (endpoint_id, state, event_id, tenant_id);

CREATE TABLE webhook_attempts (
    tenant_id   text NOT NULL,
    id          text NOT NULL,
    event_id    text NOT NULL,
    endpoint_id text NOT NULL,
    at          timestamp NOT NULL,
    took        integer NOT NULL, -- milliseconds
    status      integer NOT NULL, -- of the answer; 0 = there was none
    fault       text NOT NULL, -- why it failed, as a code; '' = it did not
    answer      text NOT NULL, -- how the answer's body begins
    PRIMARY KEY (event_id, endpoint_id, id, tenant_id)
);

-- Days for which events and their deliveries are kept; 0 = for ever.
ALTER TABLE tenants ADD COLUMN webhook_days integer NOT NULL DEFAULT 30;

-- SQLite's triggers run once for each row.
-- +goose StatementBegin
CREATE TRIGGER webhook_journal AFTER INSERT ON journal
    WHEN NEW.what NOT IN ('signed_out', 'session_ended', 'group_pinned', 'merged_into')
     AND EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = NEW.tenant_id AND e.disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
    VALUES (NEW.tenant_id, NEW.id, NEW.at, 'journal', NEW.what, NEW.user_id, NEW.integration_id, NEW.reference, '{}');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER webhook_audit AFTER INSERT ON audit_log
    WHEN NEW.action IN ('integration_installed', 'integration_changed', 'integration_removed', 'key_added', 'key_retired', 'key_kept')
     AND EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = NEW.tenant_id AND e.disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
    VALUES (NEW.tenant_id, 'audit ' || NEW.seq, strftime('%Y-%m-%d %H:%M:%f+00:00', NEW.at / 1000000.0, 'unixepoch'), 'audit',
            NEW.action, NEW.object, NULL, NEW.reference, NEW.detail);
END;
-- +goose StatementEnd

-- Tokens can make groups as well, which no act tells.
-- +goose StatementBegin
CREATE TRIGGER webhook_groups_added AFTER INSERT ON groups
    WHEN EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = NEW.tenant_id AND e.disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
    VALUES (NEW.tenant_id, lower(hex(randomblob(16))), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), 'groups', 'insert', NEW.id,
            NULL, '', json_object('group', NEW.external_id));
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER webhook_groups_deleted AFTER DELETE ON groups
    WHEN EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = OLD.tenant_id AND e.disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
    VALUES (OLD.tenant_id, lower(hex(randomblob(16))), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), 'groups', 'delete', OLD.id,
            NULL, '', json_object('group', OLD.external_id));
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER webhook_groups_changed AFTER UPDATE ON groups
    WHEN EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.tenant_id = NEW.tenant_id AND e.disabled_at IS NULL)
     AND (OLD.name <> NEW.name OR OLD.description <> NEW.description)
BEGIN
    INSERT INTO webhook_outbox (tenant_id, id, at, source, what, object, integration_id, reference, detail)
    VALUES (NEW.tenant_id, lower(hex(randomblob(16))), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), 'groups', 'update', NEW.id,
            NULL, '', json_object('group', NEW.external_id));
END;
-- +goose StatementEnd

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
