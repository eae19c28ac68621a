package provisioning

import (
	"fmt"
	"time"

	"usher/sql/store"
)

const (
	// scimWalkLife is for how long the total is taken from memory while a
	// directory reads a list page by page.
	scimWalkLife = time.Minute
	maxSCIMWalks = 2000
)

// scimWalk is where a page of a list of users ended, so that the next one begins
// there and nothing before it is walked over again.
type scimWalk struct {
	after   string // the id of the last user
	total   int64
	counted time.Time
}

// scimWalkKey names the page of a list that begins behind offset; "" for a list
// that is found by one person's attributes, and for a first page.
func scimWalkKey(tenant Tenant, d Directory, q store.SCIMUserQuery) string {
	if q.Offset == 0 || q.ID+q.UserNameKey+q.ExternalID+q.EmailKey != "" {
		return ""
	}
	status := "all"
	if q.Active != nil {
		status = fmt.Sprint(*q.Active)
	}
	return fmt.Sprint(tenant.ID, " ", d.IntegrationID, " ", status, " ", q.Offset)
}

// resume lets a page begin where the one before it has ended, if this process has
// answered that one a moment ago.
func (s *Service) resume(tenant Tenant, d Directory, q *store.SCIMUserQuery) scimWalk {
	if key := scimWalkKey(tenant, d, *q); key != "" {
		if w, ok := s.walks.get(key); ok && s.now().Sub(w.counted) < scimWalkLife {
			q.After, q.Total = w.after, w.total
			return w
		}
	}
	return scimWalk{counted: s.now()}
}

// pause remembers where a full page has ended.
func (s *Service) pause(tenant Tenant, d Directory, q store.SCIMUserQuery, w scimWalk, records []store.SCIMRecord, total int64) {
	if len(records) == 0 || len(records) < q.Limit {
		return
	}
	q.Offset += len(records)
	if key := scimWalkKey(tenant, d, q); key != "" {
		w.after, w.total = records[len(records)-1].UserID, total
		s.walks.put(key, w)
	}
}
