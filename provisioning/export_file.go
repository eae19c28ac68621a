package provisioning

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"usher/sql/store"
)

// ExportUsersTo writes every user of a tenant as of one moment, as the lines that
// JobExportUsers makes, and returns how many there are. show is told how many of
// the rows were looked at. It is recorded before the first line leaves: they are
// personal data.
func (s *Service) ExportUsersTo(ctx context.Context, tenant store.Tenant, w io.Writer, show store.Progress, by By) (people int64, err error) {
	if err := s.store.Record(ctx, tenant.ID, act(by, "users_exported", "users", map[string]any{})); err != nil {
		return 0, err
	}
	err = s.store.ReadTenant(ctx, tenant.ID, func(l *store.Look) error {
		total, err := l.CountUsers(ctx)
		if err != nil {
			return err
		}
		var done int64
		for last := ""; ; {
			users, err := l.ExportUsers(ctx, last, jobBatch)
			if err != nil || len(users) == 0 {
				return err
			}
			n, err := writeUsers(w, users)
			if err != nil {
				return err
			}
			last = users[len(users)-1].ID
			people += n
			done += int64(len(users))
			show(done, total)
		}
	})
	return people, err
}

// ExportCatalogTo writes a tenant's groups and credits as the JSON lines that
// ReadCatalog reads, groups first, and returns how many there are.
func (s *Service) ExportCatalogTo(ctx context.Context, tenant store.Tenant, w io.Writer) (rows int64, err error) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	write := func(row CatalogRow) error {
		rows++
		if err := encoder.Encode(row); err != nil {
			return fmt.Errorf("provisioning: export of the %s %s: %w", row.Kind, row.ID, err)
		}
		return nil
	}
	for after, more := "", true; more; {
		groups, next, err := s.Groups(ctx, tenant, "", after, jobBatch)
		if err != nil {
			return rows, err
		}
		for _, g := range groups {
			if err := write(CatalogRow{Kind: "group", ID: g.ExternalID, Name: g.Name, Description: g.Description}); err != nil {
				return rows, err
			}
		}
		after, more = next, next != ""
	}
	for after, more := int64(0), true; more; {
		credits, next, err := s.Credits(ctx, tenant, after, jobBatch)
		if err != nil {
			return rows, err
		}
		for _, c := range credits {
			if err := write(CatalogRow{Kind: "credit", ID: fmt.Sprint(c.ID), Name: c.Name}); err != nil {
				return rows, err
			}
		}
		after, more = next, next != 0
	}
	return rows, nil
}
