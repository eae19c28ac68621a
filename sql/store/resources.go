package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Resource is something that sites can embed. Kind and id are its address.
type Resource struct {
	TenantID      string    `db:"tenant_id"`
	Kind          string    `db:"kind"` // "vote-widget"
	ID            string    `db:"id"`
	Title         string    `db:"title"`
	IntegrationID string    `db:"integration_id"` // the owner
	Restricted    bool      `db:"restricted"`     // only the owner's people may open it
	ContentURL    string    `db:"content_url"`    // "" = our built-in page
	Revision      int64     `db:"revision"`       // grows with every change
	CreatedAt     time.Time `db:"created_at"`
	UpdatedAt     time.Time `db:"updated_at"`
}

// ErrFull means that an integration has as many resources as it may have.
var ErrFull = errors.New("there are as many as there may be")

const resourceColumns = `tenant_id, kind, id, title, integration_id, restricted, content_url, revision, created_at, updated_at`

// Resource returns one resource, whatever has become of its owner, or
// ErrNotFound.
func (s *Store) Resource(ctx context.Context, tenant, kind, id string) (Resource, error) {
	stmt, err := s.stmt(ctx, s.read, `SELECT `+resourceColumns+` FROM resources WHERE kind = $1 AND id = $2 AND tenant_id = $3`)
	if err != nil {
		return Resource{}, fault(err)
	}
	var r Resource
	return r, fault(stmt.GetContext(ctx, &r, kind, id, tenant))
}

// ResourceFilter narrows a list of resources; zero values stand for any.
type ResourceFilter struct {
	Kind, IntegrationID string
	// Visitor leaves what people of this integration may open: not what is
	// restricted to others or belongs to an integration that was removed; and
	// IDs, when there are any, leaves no more than those.
	Visitor string
	IDs     []string
}

// Resources returns a tenant's resources behind an address ("", "" = from the
// first), in the order of kind and id, at most limit.
func (s *Store) Resources(ctx context.Context, tenant string, f ResourceFilter, kind, id string, limit int) ([]Resource, error) {
	query := `SELECT ` + resourceColumns + ` FROM resources WHERE tenant_id = $1 AND (kind, id) > ($2, $3)`
	args := []any{tenant, kind, id}
	and := func(condition string, arg any) {
		args = append(args, arg)
		query += fmt.Sprintf(` AND `+condition, len(args))
	}
	if f.Kind != "" {
		and(`kind = $%d`, f.Kind)
	}
	if f.IntegrationID != "" {
		and(`integration_id = $%d`, f.IntegrationID)
	}
	if f.Visitor != "" {
		and(`(NOT restricted OR integration_id = $%d)`, f.Visitor)
		query += ` AND integration_id IN (SELECT id FROM integrations WHERE tenant_id = $1 AND removed_at IS NULL)`
	}
	if len(f.IDs) > 0 {
		list, err := json.Marshal(f.IDs)
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		and(`id IN (SELECT value FROM `+s.dialect.jsonEach()+`($%d))`, string(list))
	}
	args = append(args, limit)
	query += fmt.Sprintf(` ORDER BY kind, id LIMIT $%d`, len(args))
	var resources []Resource
	err := s.read.SelectContext(ctx, &resources, query, args...)
	return resources, fault(err)
}

// CountResources counts an integration's resources, at most limit.
func (s *Store) CountResources(ctx context.Context, tenant, integration string, limit int) (int, error) {
	var n int
	err := s.read.GetContext(ctx, &n, countResources, integration, tenant, limit)
	return n, fault(err)
}

const countResources = `
SELECT count(*) FROM (SELECT 1 FROM resources WHERE integration_id = $1 AND tenant_id = $2 LIMIT $3) AS owned`

// WriteResource lets decide make the resource at an address (found = nil) or
// change it, and writes what it returns, with a new revision. An act without an
// action writes nothing. limit is how many resources the owner of a new one may
// have; 0 = any number. It returns ErrChanged, ErrFull, ErrNotFound when the new
// owner is not installed, or decide's own error unaltered.
func (s *Store) WriteResource(ctx context.Context, tenant, kind, id string, limit int,
	decide func(found *Resource) (Resource, Act, error),
) (r Resource, created bool, err error) {
	for try := 1; ; try++ {
		r, created, err = s.writeResource(ctx, tenant, kind, id, limit, decide)
		// Somebody else has just made it: decide anew.
		if !created || !errors.Is(err, ErrTaken) || try > maxRetries {
			return r, created, err
		}
	}
}

func (s *Store) writeResource(ctx context.Context, tenant, kind, id string, limit int,
	decide func(found *Resource) (Resource, Act, error),
) (r Resource, created bool, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		var stored Resource
		found := &stored
		err := tx.GetContext(ctx, &stored, `
SELECT `+resourceColumns+` FROM resources WHERE kind = $1 AND id = $2 AND tenant_id = $3`+s.dialect.forUpdate(), kind, id, tenant)
		if errors.Is(err, sql.ErrNoRows) {
			found, err = nil, nil
		}
		if err != nil {
			return err
		}
		created = false // of an earlier run
		var act Act
		if r, act, err = decide(found); err != nil {
			return err
		}
		if found == nil && (act.By.IfMatch != nil || act.By.MustExist) {
			return ErrChanged // no ETag is that of something that is not there
		}
		if err := act.By.expects(stored.Revision); err != nil || act.nothing() {
			return err
		}
		created = found == nil
		r.TenantID, r.Kind, r.ID, r.Revision, r.UpdatedAt = tenant, kind, id, stored.Revision+1, s.now().UTC().Truncate(time.Microsecond)
		if r.CreatedAt = r.UpdatedAt; !created {
			r.CreatedAt = stored.CreatedAt
		}
		if created || r.IntegrationID != stored.IntegrationID {
			if err := s.ownResource(ctx, tx, r, limit); err != nil {
				return err
			}
		}
		if err := saveResource(ctx, tx, r, created); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return r, created, err
}

// ownResource sees to it that the owner is installed until the commit, and has
// room.
func (s *Store) ownResource(ctx context.Context, tx *sqlx.Tx, r Resource, limit int) error {
	var owner string
	err := tx.GetContext(ctx, &owner, `
SELECT id FROM integrations WHERE id = $1 AND tenant_id = $2 AND removed_at IS NULL`+s.dialect.forUpdate(),
		r.IntegrationID, r.TenantID)
	if err != nil || limit == 0 {
		return err
	}
	var n int
	if err := tx.GetContext(ctx, &n, countResources, r.IntegrationID, r.TenantID, limit); err != nil {
		return err
	}
	if n >= limit {
		return ErrFull
	}
	return nil
}

func saveResource(ctx context.Context, tx *sqlx.Tx, r Resource, created bool) error {
	if created {
		_, err := tx.NamedExecContext(ctx, `
INSERT INTO resources (`+resourceColumns+`)
VALUES (:tenant_id, :kind, :id, :title, :integration_id, :restricted, :content_url, :revision, :created_at, :updated_at)`, r)
		return err
	}
	_, err := tx.NamedExecContext(ctx, `
UPDATE resources SET title = :title, integration_id = :integration_id, restricted = :restricted,
       content_url = :content_url, revision = :revision, updated_at = :updated_at
 WHERE kind = :kind AND id = :id AND tenant_id = :tenant_id`, r)
	return err
}

// DeleteResource takes a resource away when decide lets it. It returns
// ErrNotFound, ErrChanged, or decide's own error unaltered.
func (s *Store) DeleteResource(ctx context.Context, tenant, kind, id string, decide func(Resource) (Act, error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var r Resource
		err := tx.GetContext(ctx, &r, `
SELECT `+resourceColumns+` FROM resources WHERE kind = $1 AND id = $2 AND tenant_id = $3`+s.dialect.forUpdate(), kind, id, tenant)
		if err != nil {
			return err
		}
		act, err := decide(r)
		if err != nil {
			return err
		}
		if err := act.By.expects(r.Revision); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
DELETE FROM resources WHERE kind = $1 AND id = $2 AND tenant_id = $3`, kind, id, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}
