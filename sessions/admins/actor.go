package admins

import "slices"

// Role is what an account may do in its tenant.
type Role string

// The roles, each with the rights of those below it.
const (
	Owner  Role = "owner"  // may also appoint administrators, make API keys and change the tenant
	Admin  Role = "admin"  // may change everything else
	Viewer Role = "viewer" // may look
)

// Scope is one right. API keys hold a list of them; a role stands for one.
type Scope string

// The scopes. A page, a command of the API and an API key speak of the same.
const (
	ReadIntegrations  Scope = "integrations:read"
	WriteIntegrations Scope = "integrations:write" // install, change, rotate, remove; sign links
	ReadUsers         Scope = "users:read"
	WriteUsers        Scope = "users:write" // disable, erase, merge, sign out, undo
	ReadCatalog       Scope = "catalog:read"
	WriteCatalog      Scope = "catalog:write" // groups, credits and resources
	ReadTokens        Scope = "tokens:read"
	WriteTokens       Scope = "tokens:write" // clients, API connections and signing keys
	ReadWebhooks      Scope = "webhooks:read"
	WriteWebhooks     Scope = "webhooks:write" // endpoints, their secrets, sending again
	ReadLog           Scope = "log:read"       // sign-in log, overview, link doctor
	ReadAudit         Scope = "audit:read"
	ReadSettings      Scope = "settings:read"
	WriteSettings     Scope = "settings:write" // the tenant, its administrators and API keys
	// Operate is the right over tenants: add, list and change them.
	Operate Scope = "tenants:operate"
)

// scopes in the order in which they are shown.
var scopes = []Scope{
	ReadIntegrations, WriteIntegrations, ReadUsers, WriteUsers, ReadCatalog, WriteCatalog, ReadTokens, WriteTokens,
	ReadWebhooks, WriteWebhooks,
	ReadLog, ReadAudit, ReadSettings, WriteSettings, Operate,
}

// Scopes lists every scope, in the order in which they are shown.
func Scopes() []Scope { return slices.Clone(scopes) }

// May reports whether a role includes a right.
func (r Role) May(scope Scope) bool {
	switch scope {
	case ReadIntegrations, ReadUsers, ReadCatalog, ReadTokens, ReadWebhooks, ReadLog:
		return r == Viewer || r == Admin || r == Owner
	case WriteIntegrations, WriteUsers, WriteCatalog, WriteTokens, WriteWebhooks, ReadAudit, ReadSettings:
		return r == Admin || r == Owner
	case WriteSettings:
		return r == Owner
	case Operate:
	}
	return false
}

// Kinds of actors.
const (
	KindAdmin        = "admin"         // an account with a session
	KindAPIKey       = "api_key"       // a key that was made for automation
	KindBootstrapKey = "bootstrap_key" // the key in the configuration
	KindCommand      = "command"       // somebody on the machine itself
)

// Actor is whoever a request of the admin speaks for.
type Actor struct {
	Kind     string
	ID       string // of the account or the API key; "" for the bootstrap key
	Home     string // the tenant that an account belongs to
	Name     string // for people
	Role     Role   // of an account
	Operator bool   // over all tenants: everything is allowed
	Scopes   []Scope
	Rate     int64 // of an API key: requests a second, see store.UsualRate
}

// May reports whether the actor has a right.
func (a Actor) May(scope Scope) bool {
	return a.Operator || a.Role.May(scope) || slices.Contains(a.Scopes, scope)
}

// String names the actor in the audit log.
func (a Actor) String() string {
	if a.ID == "" {
		return a.Kind
	}
	return a.Kind + " " + a.ID
}

// Bootstrap is the actor behind the configured key.
func Bootstrap() Actor {
	return Actor{Kind: KindBootstrapKey, Name: "bootstrap key", Operator: true}
}

// Command is the actor of a command on the machine itself.
func Command() Actor {
	return Actor{Kind: KindCommand, Name: "command line", Operator: true}
}

// actorOf is the actor that an account stands for.
func actorOf(a Account) Actor {
	return Actor{Kind: KindAdmin, ID: a.ID, Home: a.TenantID, Name: a.Name, Role: Role(a.Role), Operator: a.Operator}
}

// covers reports whether the actor has every right of a role, and so may give
// and take it. Only operators do so with operators.
func (a Actor) covers(role Role, operator bool) bool {
	if operator || a.Operator {
		return a.Operator
	}
	return !slices.ContainsFunc(scopes, func(scope Scope) bool { return role.May(scope) && !a.May(scope) })
}
