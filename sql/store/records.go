package store

import "time"

// Tenant is one customer's space, found by the request's Host.
type Tenant struct {
	ID        string   // UUIDv7
	Name      string   // shown to admins
	Hosts     []string // canonical host names without port; empty means "no host of its own"
	Revision  int64    // grows with every change
	Settings  TenantSettings
	CreatedAt time.Time // UTC
}

// TenantSettings are what a tenant's owner decides for the whole of it.
type TenantSettings struct {
	// How long logs are kept, in days; 0 = for ever.
	SignInLogDays, JournalDays, AuditDays int
	// WebhookDays is so for events of webhooks and their deliveries.
	WebhookDays int
}

// DefaultTenantSettings are those of a new tenant.
func DefaultTenantSettings() TenantSettings {
	return TenantSettings{SignInLogDays: 90, WebhookDays: 30}
}

// Integration is an installed "JWT Auth" app of a tenant and its policy.
// A removed integration keeps its row, so that its links are answered with
// integration_removed, but has no secrets left.
type Integration struct {
	TenantID string
	ID       string // UUIDv7
	AppID    string // 24 lower-case hex digits; what partners put into iss or appId
	Name     string

	// Revision grows with every change of the integration or its keys. A
	// sign-in decided under another revision is not recorded.
	Revision int64
	// Generation grows when every session of the integration must end.
	Generation int64

	Issuer          string        // expected iss; "" = only the app id is checked when iss is sent
	MaxAge          time.Duration // 0 = iat is not required and not limited
	Leeway          time.Duration // clock tolerance both ways, 0–300 s
	LandingPage     string        // path on our origin; "" = "/"
	SignInURL       string        // the partner's page that makes links; "" = none
	RequireNonce    bool          // only links asked for by this browser are good
	ReturnOrigins   []string      // foreign origins that go may name
	EmbedOrigins    []string      // origins that may frame us
	EmbedMaxAge     time.Duration // of a token that is presented, to an embed or beside a call; 0 = not limited
	ContentOrigins  []string      // origins under which the content of embeds may lie
	JWKSURL         string        // where the partner publishes its keys; "" = nowhere
	AllowDisable    bool          // the partner may disable its people by a signed token
	SignInRate      int64         // tokens a second that one instance takes; 0 = any number
	LinkPolicy      string        // LinkUnclaimed, LinkTrusted, LinkNever
	AutoCreate      bool          // unknown people are created
	SingleUse       bool          // tokens without jti are single-use as well
	UnknownGroups   string        // UnknownIgnore, UnknownCreate, UnknownRefuse
	UnknownCredits  string        // UnknownPark, UnknownIgnore, UnknownRefuse
	GroupScope      string        // ScopeAll, ScopeOwned
	MetaMode        string        // MetaMerge, MetaReplace
	SessionIdle     time.Duration // a session unused for this long ends
	SessionAbsolute time.Duration // a session ends at this age

	// DriftGuard holds removals back, and tells an administrator, when one sign-in
	// after another empties people's groups; see Store.GuardEmptying.
	DriftGuard     bool
	DriftThreshold int64 // people whose groups may be emptied within an hour

	// AcceptAfter refuses tokens issued (iat) before it: those of an earlier
	// installation, and those whose used-token rows may be gone since the
	// limits were loosened.
	AcceptAfter time.Time

	CreatedAt time.Time
	UpdatedAt time.Time
	RemovedAt *time.Time // nil while installed
}

// Key is what a partner signs with. Exactly one of SealedSecret and PublicKey
// is set while the integration is installed; neither is after its removal.
type Key struct {
	TenantID      string
	ID            string // the JWT kid
	IntegrationID string
	Algorithm     string // HS256, HS384, HS512, RS256, ES256 or EdDSA
	SealedSecret  []byte // encrypted under the master key
	PublicKey     []byte // PKIX, DER
	CreatedAt     time.Time
	RetiresAt     *time.Time // nil = live; in the past = retired
}

// Values of Integration.LinkPolicy: what happens when a token's e-mail belongs
// to a user whom another integration brought.
const (
	LinkUnclaimed = "unclaimed" // link only users without any identity
	LinkTrusted   = "trusted"   // link users of other integrations too
	LinkNever     = "never"     // never link by e-mail
)

// Values of Integration.UnknownGroups and UnknownCredits.
const (
	UnknownIgnore = "ignore" // leave the unknown id out, with a warning
	UnknownCreate = "create" // groups only: create the group
	UnknownPark   = "park"   // credits only: keep the grant until the id appears
	UnknownRefuse = "refuse" // refuse the token
)

// Values of Integration.GroupScope: whether a token's groups replace the
// manual memberships as well.
const (
	ScopeAll   = "all"
	ScopeOwned = "owned"
)

// Values of Integration.MetaMode.
const (
	MetaMerge   = "merge"
	MetaReplace = "replace"
)
