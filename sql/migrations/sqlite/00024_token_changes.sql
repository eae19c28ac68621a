-- +goose Up
-- What answers about tokens hang on and has changed, written by triggers so that
-- nobody who changes it can forget to: neither the previous version, which runs
-- beside this one, nor a hand. Instances remember answers, and read here before
-- each use what has changed since (see docs/adr/0016). Writers exclude one
-- another, so that rows appear in the order of their ids; AUTOINCREMENT has no id
-- come again when the last rows are deleted.
CREATE TABLE token_changes (
    id        integer PRIMARY KEY AUTOINCREMENT,
    tenant_id text NOT NULL,
    subject   text NOT NULL, -- the id of a user, an integration, a client, an API connection, a grant or a token
    xid       integer -- always NULL: PostgreSQL needs it, where writers do not exclude one another
);

-- A sign-in writes the row of its user, and what it writes ends nothing.
-- +goose StatementBegin
CREATE TRIGGER token_change_of_users_changed AFTER UPDATE OF status, session_epoch ON users
    WHEN OLD.status IS NOT NEW.status
      OR OLD.session_epoch IS NOT NEW.session_epoch
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_users_gone AFTER DELETE ON users
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_integrations_changed AFTER UPDATE OF generation, removed_at ON integrations
    WHEN OLD.generation IS NOT NEW.generation
      OR OLD.removed_at IS NOT NEW.removed_at
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_integrations_gone AFTER DELETE ON integrations
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_clients_changed AFTER UPDATE ON clients
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_clients_gone AFTER DELETE ON clients
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_connections_changed AFTER UPDATE ON api_connections
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_connections_gone AFTER DELETE ON api_connections
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_scopes_added AFTER INSERT ON api_scopes
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (NEW.tenant_id, NEW.connection_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_scopes_changed AFTER UPDATE ON api_scopes
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.connection_id);
    INSERT INTO token_changes (tenant_id, subject) VALUES (NEW.tenant_id, NEW.connection_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_scopes_gone AFTER DELETE ON api_scopes
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.connection_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_client_secrets_added AFTER INSERT ON client_secrets
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (NEW.tenant_id, NEW.owner_id);
END;
-- +goose StatementEnd

-- That a secret was used is written now and then, and means nothing here.
-- +goose StatementBegin
CREATE TRIGGER token_change_of_client_secrets_changed AFTER UPDATE OF digest, expires_at, owner_id ON client_secrets
    WHEN OLD.digest IS NOT NEW.digest
      OR OLD.expires_at IS NOT NEW.expires_at
      OR OLD.owner_id IS NOT NEW.owner_id
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.owner_id);
    INSERT INTO token_changes (tenant_id, subject) VALUES (NEW.tenant_id, NEW.owner_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_client_secrets_gone AFTER DELETE ON client_secrets
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.owner_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_connection_secrets_added AFTER INSERT ON api_connection_secrets
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (NEW.tenant_id, NEW.owner_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_connection_secrets_changed AFTER UPDATE OF digest, expires_at, owner_id ON api_connection_secrets
    WHEN OLD.digest IS NOT NEW.digest
      OR OLD.expires_at IS NOT NEW.expires_at
      OR OLD.owner_id IS NOT NEW.owner_id
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.owner_id);
    INSERT INTO token_changes (tenant_id, subject) VALUES (NEW.tenant_id, NEW.owner_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_api_connection_secrets_gone AFTER DELETE ON api_connection_secrets
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.owner_id);
END;
-- +goose StatementEnd

-- A code that is redeemed puts the end of its grant off, which ends nothing; and
-- what has run out is swept away by the thousand.
-- +goose StatementBegin
CREATE TRIGGER token_change_of_token_grants_changed AFTER UPDATE OF revoked_at, expires_at, family, client, user_id, integration_id, generation, session_epoch, auth_time, methods, scopes, attributes
    ON token_grants
    WHEN OLD.revoked_at IS NOT NEW.revoked_at
      OR NEW.expires_at < OLD.expires_at
      OR OLD.family IS NOT NEW.family
      OR OLD.client IS NOT NEW.client
      OR OLD.user_id IS NOT NEW.user_id
      OR OLD.integration_id IS NOT NEW.integration_id
      OR OLD.generation IS NOT NEW.generation
      OR OLD.session_epoch IS NOT NEW.session_epoch
      OR OLD.auth_time IS NOT NEW.auth_time
      OR OLD.methods IS NOT NEW.methods
      OR OLD.scopes IS NOT NEW.scopes
      OR OLD.attributes IS NOT NEW.attributes
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_token_grants_gone AFTER DELETE ON token_grants
    WHEN OLD.expires_at > datetime('now')
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_access_tokens_changed AFTER UPDATE ON access_tokens
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_access_tokens_gone AFTER DELETE ON access_tokens
    WHEN OLD.expires_at > datetime('now')
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (OLD.tenant_id, OLD.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_change_of_revoked_tokens_added AFTER INSERT ON revoked_tokens
BEGIN
    INSERT INTO token_changes (tenant_id, subject) VALUES (NEW.tenant_id, NEW.id);
END;
-- +goose StatementEnd

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
