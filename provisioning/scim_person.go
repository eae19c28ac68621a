package provisioning

import (
	"strings"
	"time"
	"unicode/utf8"

	"usher/sql/store"
)

// SCIMPerson is what a directory says of a person, in the attributes of RFC 7643
// §4.1. "" is no value.
type SCIMPerson struct {
	ExternalID  string // externalId
	UserName    string // userName
	GivenName   string // name.givenName
	FamilyName  string // name.familyName
	DisplayName string // displayName, or name.formatted
	Email       string // the value of the primary one of emails
	Phone       string // the same of phoneNumbers
	Locale      string // locale
	Picture     string // the value of one of photos
	Active      bool
}

// SCIMUser is a user as a directory sees it.
type SCIMUser struct {
	ID      string
	Version int64
	SCIMPerson
	Groups    []store.SCIMGroupRef // that the directory keeps, by name
	CreatedAt time.Time            // when the directory made it
	ChangedAt time.Time
}

// SCIMTaken says which attribute of a user or group another one has already. It
// is ErrTaken.
type SCIMTaken struct {
	Attribute string
	Why       string // more about it, a sentence for administrators; "" = there is nothing to say
}

func (e *SCIMTaken) Error() string { return e.Attribute + ": " + ErrTaken.Error() }

// Is makes it ErrTaken for errors.Is.
func (e *SCIMTaken) Is(target error) bool { return target == ErrTaken }

// personOf is what a directory would say of a user as it is.
func personOf(u store.UserRow, name store.SCIMUser, status string) SCIMPerson {
	return SCIMPerson{
		ExternalID: name.ExternalID, UserName: name.UserName, GivenName: u.FirstName, FamilyName: u.LastName,
		DisplayName: u.Name, Email: u.Email, Phone: u.Phone, Locale: u.Locale, Picture: u.Picture,
		Active: status == store.StatusActive,
	}
}

func scimUser(r store.SCIMRecord) SCIMUser {
	u := SCIMUser{
		ID: r.UserID, Version: r.Version, SCIMPerson: personOf(r.UserRow, r.SCIMUser, r.Status), Groups: r.Groups,
		CreatedAt: r.CreatedAt.UTC(), ChangedAt: r.UpdatedAt.UTC(),
	}
	if r.Changed.After(r.UpdatedAt) {
		u.ChangedAt = r.Changed.UTC()
	}
	return u
}

// subject is what becomes the sub, by the connection's choice; "" = none.
func (p SCIMPerson) subject(choice string) string {
	switch choice {
	case store.SCIMSubjectExternalID:
		return p.ExternalID
	case store.SCIMSubjectUserName:
		return p.UserName
	}
	return ""
}

// assertion puts what a directory says into the terms of a token of its
// integration, so that both go the same way from here on. The error is an
// *Invalid that names the attribute.
func (p SCIMPerson) assertion(choice string) (Assertion, error) {
	for _, field := range []struct {
		name, value string
		most        int // characters
	}{
		{"userName", p.UserName, maxSubjectBytes},
		{"externalId", p.ExternalID, maxSubjectBytes},
		{"name.givenName", p.GivenName, maxNameChars},
		{"name.familyName", p.FamilyName, maxNameChars},
		{"displayName", p.DisplayName, maxNameChars},
		{"phoneNumbers", p.Phone, maxPhoneChars},
		{"locale", p.Locale, maxLocaleChars},
		{"photos", p.Picture, maxPictureBytes},
	} {
		if !isStorable(field.value) || utf8.RuneCountInString(field.value) > field.most {
			return Assertion{}, invalid(field.name, "a string of at most %d characters", field.most)
		}
	}
	if strings.TrimSpace(p.UserName) == "" {
		return Assertion{}, invalid("userName", "a name that is not empty")
	}
	if p.Picture != "" && !isPictureURL(p.Picture) {
		return Assertion{}, invalid("photos", "an absolute http or https URL of at most %d bytes", maxPictureBytes)
	}
	a := Assertion{
		Subject: p.subject(choice), FirstName: &p.GivenName, LastName: &p.FamilyName, Name: &p.DisplayName,
		Phone: &p.Phone, Locale: &p.Locale, Picture: &p.Picture,
	}
	switch strings.ToLower(a.Subject) {
	case "":
	case "null", "none", "nil", "undefined":
		return Assertion{}, invalid(subjectAttribute(choice), expectedSubject)
	}
	if len(a.Subject) > maxSubjectBytes {
		return Assertion{}, invalid(subjectAttribute(choice), expectedSubject)
	}
	if p.Email != "" {
		key, err := EmailKey(p.Email)
		if err != nil {
			return Assertion{}, invalid("emails", expectedEmail)
		}
		a.Email, a.EmailKey = strings.TrimSpace(p.Email), key
	}
	if a.EmailKey == "" && a.Subject == "" {
		if choice == store.SCIMSubjectNone {
			return Assertion{}, invalid("emails", "%s, as there is no other attribute to know the person by", expectedEmail)
		}
		return Assertion{}, invalid(subjectAttribute(choice), "a value, as there is no e-mail either to know the person by")
	}
	return a, nil
}

// onlySaid leaves alone, for somebody whom the integration knows already, what
// the directory has not said at the creation.
func onlySaid(a Assertion) Assertion {
	for _, field := range []**string{&a.FirstName, &a.LastName, &a.Name, &a.Phone, &a.Locale, &a.Picture} {
		if **field == "" {
			*field = nil
		}
	}
	return a
}

func subjectAttribute(choice string) string {
	if choice == store.SCIMSubjectUserName {
		return "userName"
	}
	return "externalId"
}

// foldSCIMName is the form in which names are compared that are not case-exact
// (RFC 7643 §4.1.1 and §4.2).
func foldSCIMName(name string) string { return foldLocalPart(strings.TrimSpace(name)) }
