package provisioning

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"usher/sql/store"
)

// Ender ends sessions. EndUser and EndIntegration return once the sessions are
// ended for every request, on every instance, that starts later; after an error
// they can be called again.
type Ender interface {
	EndUser(ctx context.Context, tenant, user string, epoch int64) error
	EndIntegration(ctx context.Context, tenant, integration string, generation int64) error
	// EndOlder ends those sessions of a user that began under an older epoch.
	EndOlder(ctx context.Context, tenant, user string, epoch int64) error
	// CountIntegration says how many sessions these users have that the
	// integration made.
	CountIntegration(ctx context.Context, tenant, integration string, users []string) (int, error)
	// EndByID ends one session of a user, by its public id, and says whether
	// there was one.
	EndByID(ctx context.Context, tenant, user, id string) (bool, error)
	// Standing says which epoch of a user and generation of an integration are
	// the last to have been told, in one round trip. known is false when the
	// store had lost them: then the generation is the database's, and nothing
	// is known of the epoch.
	Standing(ctx context.Context, tenant, user, integration string) (epoch, generation int64, known bool, err error)
}

// Service is what the product does with integrations, links and users. The
// callback, the admin's API and the commands share one.
type Service struct {
	store  *store.Store
	sealer *Sealer
	ender  Ender
	now    func() time.Time
	log    *slog.Logger

	tenants *tenantList
	rings   *ringCache
	keySets *keySetReader
	rates   *signInRates

	resources *recent[string, *latest[Resource]]
	failures  clientFailures
	people    people
	unspent   *unspendings
	unknown   *unknownNames
	signIns   *signInLog
	claims    *claimCounter
	callers   *recent[string, caller] // who has called of late, by personKey
	users     *recent[userOf, *latest[Principal]]
	walks     *recent[string, scimWalk] // by scimWalkKey
	newJob    chan struct{}             // gets a value, if it has room, with each new job
	jobs      jobTally
}

// New makes a Service. Run has to be running beside it for what is done later.
func New(st *store.Store, sealer *Sealer, ender Ender, now func() time.Time, log *slog.Logger) *Service {
	s := &Service{
		store: st, sealer: sealer, ender: ender, now: now, log: log,
		people: newPeople(), unspent: newUnspendings(), unknown: newUnknownNames(),
		signIns: newSignInLog(st, now, log),
		newJob:  make(chan struct{}, 1), claims: newClaimCounter(),
	}
	s.callers, s.users = newRecent[string, caller](maxCallers), newRecent[userOf, *latest[Principal]](maxPrincipals)
	s.walks = newRecent[string, scimWalk](maxSCIMWalks)
	s.tenants = &tenantList{latest[[]store.Tenant]{load: st.Tenants, now: now}}
	s.rings = newRingCache(s.loadRing, now)
	s.keySets = newKeySetReader()
	s.rates = newSignInRates()
	s.resources = newRecent[string, *latest[Resource]](maxResourcesKept)
	s.failures.limit = newRefusalLimit()
	return s
}

// Unavailable reports whether err is a passing fault of the database.
func Unavailable(err error) bool { return errors.Is(err, store.ErrUnavailable) }

// Errors of the service's admin side.
var (
	// ErrNotFound means that this tenant has no such thing.
	ErrNotFound = store.ErrNotFound
	// ErrTaken means that a name that must be unique is in use.
	ErrTaken = store.ErrTaken
	// ErrFull means that an integration has as many resources as it may have.
	ErrFull = store.ErrFull
	// ErrConsumed means that another request consumed the credit before.
	ErrConsumed = store.ErrConsumed
	// ErrMerged means that the user has become another one, who is the one to
	// act on.
	ErrMerged = store.ErrMerged
)

// Invalid says which field of a request cannot be accepted, and why.
type Invalid struct {
	Field   string // as the API names it
	Problem string // one sentence that names what is accepted
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Problem }

func invalid(field, problem string, args ...any) *Invalid {
	return &Invalid{Field: field, Problem: fmt.Sprintf(problem, args...)}
}

// act describes what is being done, for the audit log.
func act(by By, action, object string, detail map[string]any) store.Act {
	return store.Act{By: by, Action: action, Object: object, Detail: detail}
}

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand since Go 1.24)
	return hex.EncodeToString(b)
}

// The records that callers get and give back. They are the store's, under the
// names of this package, so that callers need not know the store.
type (
	By             = store.By
	Tenant         = store.Tenant
	TenantSettings = store.TenantSettings
	AuditRow       = store.AuditRow
	AuditHead      = store.AuditHead
	AuditFilter    = store.AuditFilter
	Integration    = store.Integration
	Key            = store.Key
	Profile        = store.Profile
	Group          = store.Group
	Credit         = store.Credit
	GroupUse       = store.GroupUse
	GroupMember    = store.GroupMember
	CreditUse      = store.CreditUse
	ParkedCredit   = store.ParkedCredit
	Change         = store.Change
	Belongings     = store.Belongings
	SCIMConnection = store.SCIMConnection
	SCIMToken      = store.SCIMToken
	// SignInRecord is an entry of the sign-in log.
	SignInRecord = store.SignIn
)
