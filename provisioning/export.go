package provisioning

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"usher/sql/store"
)

// exportedUser is a line of an export: one JSON object.
type exportedUser struct {
	ID            string               `json:"id"`
	Status        string               `json:"status"` // active or disabled
	Email         string               `json:"email"`
	EmailVerified *bool                `json:"email_verified"`
	FirstName     string               `json:"first_name"`
	LastName      string               `json:"last_name"`
	Name          string               `json:"name"`
	Phone         string               `json:"phone"`
	Birthdate     string               `json:"birthdate"`
	Locale        string               `json:"locale"`
	Picture       string               `json:"picture"`
	Meta          json.RawMessage      `json:"meta"`
	CreatedAt     time.Time            `json:"created_at"`
	UpdatedAt     time.Time            `json:"updated_at"`
	Identities    []exportedIdentity   `json:"identities"`
	Groups        []exportedMembership `json:"groups"`
	Credits       []exportedGrant      `json:"credits"`
	Claims        []exportedValue      `json:"claims"` // those that were entered
}

type exportedIdentity struct {
	Integration string  `json:"integration"`
	Subject     *string `json:"sub"`
	EmailKey    *string `json:"email"`
}

type exportedMembership struct {
	Group  string `json:"group"`  // its external id
	Source string `json:"source"` // an integration's id, or "manual"
	Pinned bool   `json:"pinned"`
}

type exportedGrant struct {
	Integration string     `json:"integration"`
	OrderID     string     `json:"order_id"`
	ID          int64      `json:"id"`
	GrantedAt   time.Time  `json:"granted_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
	ConsumedAt  *time.Time `json:"consumed_at"`
}

type exportedValue struct {
	Claim     string          `json:"claim"`
	Value     json.RawMessage `json:"value"`
	ByPerson  bool            `json:"by_person"` // else by an administrator
	UpdatedAt time.Time       `json:"updated_at"`
}

// exportUsers writes the next people into a part of their own, sealed. Those who
// were erased, or have become another user, are left out: there is nothing about
// them.
func (s *Service) exportUsers(ctx context.Context, b *store.Batch) (func(context.Context) error, error) {
	if b.Job.Cursor == "" {
		var err error
		if b.Job.Total, err = b.CountUsers(ctx); err != nil {
			return nil, err
		}
	}
	users, err := b.ExportUsers(ctx, b.Job.Cursor, jobBatch)
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		b.Finish()
		return nil, nil
	}
	var result struct {
		People int64 `json:"people"`
		Bytes  int64 `json:"bytes"`
		Parts  int64 `json:"parts"`
	}
	if err := json.Unmarshal([]byte(b.Job.Result), &result); err != nil {
		return nil, fmt.Errorf("provisioning: result of an export: %w", err)
	}
	var lines bytes.Buffer
	people, err := writeUsers(&lines, users)
	if err != nil {
		return nil, err
	}
	result.People += people
	result.Bytes += int64(lines.Len())
	result.Parts++
	b.Job.Cursor = users[len(users)-1].ID
	b.Job.Done += int64(len(users))
	if err := b.AddPart(ctx, result.Parts, s.sealer.Seal(lines.Bytes(), placeOfPart(b.Job, result.Parts)...)); err != nil {
		return nil, err
	}
	return nil, b.SetResult(result)
}

// writeUsers writes a line for each of these who is still a user, and returns how
// many there are.
func writeUsers(w io.Writer, users []store.ExportedUser) (people int64, err error) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, u := range users {
		if u.Status == store.StatusErased || u.Status == store.StatusMerged {
			continue
		}
		if err := encoder.Encode(exportLine(u)); err != nil {
			return people, fmt.Errorf("provisioning: export of user %s: %w", u.ID, err)
		}
		people++
	}
	return people, nil
}

func exportLine(u store.ExportedUser) exportedUser {
	line := exportedUser{
		ID: u.ID, Status: u.Status, Email: u.Email, EmailVerified: u.EmailVerified, FirstName: u.FirstName,
		LastName: u.LastName, Name: u.Name, Phone: u.Phone, Birthdate: u.Birthdate, Locale: u.Locale,
		Picture: u.Picture, Meta: json.RawMessage(u.Meta), CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC(),
		Identities: []exportedIdentity{}, Groups: []exportedMembership{}, Credits: []exportedGrant{},
		Claims: []exportedValue{},
	}
	for _, v := range u.Values {
		line.Claims = append(line.Claims, exportedValue{
			Claim: v.Claim, Value: json.RawMessage(v.Value), ByPerson: v.EnteredBy == store.EnteredByPerson, UpdatedAt: v.UpdatedAt.UTC(),
		})
	}
	for _, id := range u.Identities {
		line.Identities = append(line.Identities, exportedIdentity{
			Integration: id.IntegrationID, Subject: id.Subject, EmailKey: id.EmailKey,
		})
	}
	for _, m := range u.Members {
		source := m.Source
		if source == store.ManualSource {
			source = "manual"
		}
		line.Groups = append(line.Groups, exportedMembership{Group: m.ExternalID, Source: source, Pinned: m.Pinned})
	}
	for _, g := range u.Grants {
		line.Credits = append(line.Credits, exportedGrant{
			Integration: g.IntegrationID, OrderID: g.OrderID, ID: g.CreditID, GrantedAt: g.GrantedAt.UTC(),
			RevokedAt: inUTC(g.RevokedAt), ConsumedAt: inUTC(g.ConsumedAt),
		})
	}
	return line
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
