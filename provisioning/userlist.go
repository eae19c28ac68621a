package provisioning

import (
	"context"
	"errors"
	"slices"
	"strings"

	"usher/sql/store"
)

// userPage is how many users a page has.
const userPage = 50

// UserFilter selects users. At most one of the first five fields is given;
// Status narrows any of them. Names are not searched: the tables have no index
// for them.
type UserFilter struct {
	// Search is what a person types into one field: a user's id, a sub, or the
	// beginning of an e-mail address.
	Search      string
	Email       string // the whole address, in any spelling
	EmailPrefix string // its beginning; the answer is in the order of addresses
	Subject     string // sub at any integration, exactly
	Group       string // external id
	Status      string // active, disabled, erased, merged; "" = all
}

// Users returns a page of the tenant's users, newest first, or by address when
// it is searched for. after is the next of the page before; next is "" at the
// end. The error is an *Invalid for a filter that cannot be meant.
func (s *Service) Users(ctx context.Context, tenant store.Tenant, f UserFilter, after string) (users []Profile, next string, err error) {
	query, err := f.query(after)
	if err != nil {
		return nil, "", err
	}
	switch search := strings.TrimSpace(f.Search); {
	case f.Email != "":
		return s.oneUser(f.Status, func() (Profile, error) { return s.ProfileByEmail(ctx, tenant, f.Email) })
	case store.IsID(search):
		users, next, err = s.oneUser(f.Status, func() (Profile, error) { return s.Profile(ctx, tenant, search) })
		if err != nil || len(users) > 0 {
			return users, next, err
		}
	}
	if f.Search != "" && after == "" {
		// Whose sub it is comes first, on the first page.
		bySubject := store.UserQuery{Subject: strings.TrimSpace(f.Search), Status: f.Status, Limit: userPage}
		if users, err = s.store.Users(ctx, tenant.ID, bySubject); err != nil {
			return nil, "", err
		}
	}
	if f.Search != "" && query.EmailPrefix == "" {
		return users, "", nil // nothing that an address could begin with
	}
	page, err := s.store.Users(ctx, tenant.ID, query)
	if err != nil {
		return nil, "", err
	}
	if len(page) > userPage {
		page = page[:userPage]
		next = page[userPage-1].ID
		if query.EmailPrefix != "" && page[userPage-1].EmailKey != nil {
			next = *page[userPage-1].EmailKey
		}
	}
	for _, user := range page {
		if !slices.ContainsFunc(users, func(known Profile) bool { return known.ID == user.ID }) {
			users = append(users, user)
		}
	}
	return users, next, nil
}

// oneUser is a page of the one user that find finds, or of nobody.
func (s *Service) oneUser(status string, find func() (Profile, error)) ([]Profile, string, error) {
	user, err := find()
	if errors.Is(err, ErrNotFound) || (err == nil && status != "" && user.Status != status) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	return []Profile{user}, "", nil
}

// query checks the filter and puts it into the store's terms.
func (f UserFilter) query(after string) (store.UserQuery, error) {
	q := store.UserQuery{Subject: f.Subject, Group: f.Group, Status: f.Status, After: after, Limit: userPage + 1}
	given := 0
	for _, field := range []struct{ name, value string }{
		{"q", f.Search}, {"email", f.Email}, {"email_prefix", f.EmailPrefix}, {"sub", f.Subject}, {"group", f.Group},
	} {
		if field.value == "" {
			continue
		}
		if given++; given > 1 {
			return q, invalid(field.name, "search for one thing at a time; status goes with each")
		}
		if !isStorable(field.value) || len(field.value) > maxSearchBytes {
			return q, invalid(field.name, "plain text of at most %d bytes is expected", maxSearchBytes)
		}
	}
	statuses := []string{"", store.StatusActive, store.StatusDisabled, store.StatusErased, store.StatusMerged}
	if !slices.Contains(statuses, f.Status) {
		return q, invalid("status", "one of %q is expected", statuses[1:])
	}
	if prefix := f.EmailPrefix + f.Search; prefix != "" {
		var ok bool
		if q.EmailPrefix, ok = emailPrefix(prefix); !ok && f.EmailPrefix != "" {
			return q, invalid("email_prefix", "the beginning of an e-mail address is expected")
		}
	}
	switch {
	case after == "":
	case q.EmailPrefix == "" && !store.IsID(after),
		q.EmailPrefix != "" && (!strings.HasPrefix(after, q.EmailPrefix) || !isStorable(after)):
		return q, invalid("after", "the “next” of the page before is expected")
	}
	return q, nil
}

// maxSearchBytes is how long a text to search for may be: a sub is the longest
// thing that there is.
const maxSearchBytes = 255

// emailPrefix is the beginning of the EmailKeys of all addresses that begin
// with text. A domain that is cut off cannot become ASCII, and is taken as it
// was typed.
func emailPrefix(text string) (prefix string, ok bool) {
	if key, err := EmailKey(text); err == nil {
		return key, true
	}
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxEmailBytes || strings.Count(text, "@") > 1 || strings.ContainsFunc(text, unfitForEmail) ||
		!isStorable(text) {
		return "", false
	}
	local, domain, at := strings.Cut(text, "@")
	prefix = foldLocalPart(local)
	if at {
		prefix += "@" + strings.ToLower(domain)
	}
	return prefix, true
}
