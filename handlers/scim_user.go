package handlers

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// What kind the one member is that we keep of a multi-valued attribute.
const (
	scimWork  = "work"
	scimPhoto = "photo"
)

// scimUserForm is a user in the JSON form of RFC 7643 §4.1.
func scimUserForm(c *gin.Context, u provisioning.SCIMUser) map[string]any {
	form := map[string]any{
		"schemas": []string{scimUserSchema}, "id": u.ID, "userName": u.UserName, "active": u.Active,
		"meta": map[string]any{
			"resourceType": "User", "created": u.CreatedAt, "lastModified": u.ChangedAt,
			"location": scimLocation(c, "Users", u.ID), "version": etagOf(u.Version),
		},
	}
	name := map[string]any{}
	for _, field := range []struct {
		into       map[string]any
		name, text string
	}{
		{form, "externalId", u.ExternalID},
		{form, "displayName", u.DisplayName},
		{form, "locale", u.Locale},
		{name, "givenName", u.GivenName},
		{name, "familyName", u.FamilyName},
		{name, "formatted", u.DisplayName},
	} {
		if field.text != "" {
			field.into[field.name] = field.text
		}
	}
	if len(name) > 0 {
		form["name"] = name
	}
	for _, field := range []struct{ name, kind, text string }{
		{"emails", scimWork, u.Email}, {"phoneNumbers", scimWork, u.Phone}, {"photos", scimPhoto, u.Picture},
	} {
		if field.text != "" {
			form[field.name] = []map[string]any{{"value": field.text, "type": field.kind, "primary": true}}
		}
	}
	var groups []map[string]any
	for _, g := range u.Groups {
		groups = append(groups, map[string]any{
			"value": g.GroupID, "display": g.DisplayName, "type": "direct", "$ref": scimLocation(c, "Groups", g.GroupID),
		})
	}
	if groups != nil {
		form["groups"] = groups
	}
	return form
}

// elsewhere are the attributes of RFC 7643 §4.1 that we do not keep. They are
// passed over: directories send what they have.
var elsewhere = []string{
	"nickname", "profileurl", "title", "usertype", "preferredlanguage", "timezone", "password", "ims", "addresses",
	"entitlements", "roles", "x509certificates",
}

// readOnlySCIM are ours to say (RFC 7643 §3.1 and §4.1).
var readOnlySCIM = []string{"id", "meta", "groups", "schemas"}

// sayUser applies a whole resource, of POST and PUT (RFC 7644 §3.5.1). What is not
// said stays as it is, null and empty lists clear, and what is ours to say is
// passed over.
func sayUser(p *provisioning.SCIMPerson, body map[string]any) error {
	for _, name := range sayOrder(body) {
		if slices.Contains(readOnlySCIM, name) {
			continue
		}
		path := scimPath{scimAttribute: scimAttribute{name: name}}
		if strings.HasPrefix(name, "urn:") {
			continue // an extension, which we do not keep
		}
		if _, err := setUser(p, path, body[name], false); err != nil {
			return err
		}
	}
	return nil
}

// sayOrder are the names of a body's members in the order in which they count:
// displayName behind name.formatted, which says the same.
func sayOrder(body map[string]any) []string {
	names := make([]string, 0, len(body))
	for name := range body {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == "displayname") != (b == "displayname") {
			if a == "displayname" {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return names
}

// setUser sets what a path names to a value; nil clears. known is false for an
// attribute that no schema of ours has. add keeps what is there where only one
// value has room and the new one is not meant to take its place.
func setUser(p *provisioning.SCIMPerson, path scimPath, value any, add bool) (known bool, err error) {
	if path.schema != "" && path.schema != strings.ToLower(scimUserSchema) {
		return true, nil // an extension, which we do not keep
	}
	text := map[string]*string{
		"username": &p.UserName, "externalid": &p.ExternalID, "displayname": &p.DisplayName, "locale": &p.Locale,
	}[path.name]
	switch {
	case text != nil:
		if path.sub != "" || path.filter != nil {
			return false, nil
		}
		*text, err = scimText(path.name, value)
		return true, err
	case path.name == "name" && path.filter == nil:
		return setName(p, path.sub, value)
	case path.name == "active" && path.sub == "" && path.filter == nil:
		truth, ok := scimTruth(value)
		if !ok {
			return true, scimBad(scimInvalidValue, "active: true or false is expected.")
		}
		p.Active = truth
		return true, nil
	case path.name == "emails":
		return true, setOne(&p.Email, path, scimWork, value, add)
	case path.name == "phonenumbers":
		return true, setOne(&p.Phone, path, scimWork, value, add)
	case path.name == "photos":
		return true, setOne(&p.Picture, path, scimPhoto, value, add)
	}
	return slices.Contains(elsewhere, path.name), nil
}

// setName sets the name or one part of it.
func setName(p *provisioning.SCIMPerson, sub string, value any) (known bool, err error) {
	parts := []struct {
		name string
		into *string
	}{{"givenname", &p.GivenName}, {"familyname", &p.FamilyName}, {"formatted", &p.DisplayName}}
	if sub != "" {
		for _, part := range parts {
			if part.name == sub {
				*part.into, err = scimText("name."+sub, value)
				return true, err
			}
		}
		return slices.Contains([]string{"middlename", "honorificprefix", "honorificsuffix"}, sub), nil
	}
	members, ok := value.(map[string]any)
	if !ok && value != nil {
		return true, scimBad(scimInvalidValue, "name: an object is expected.")
	}
	for _, part := range parts {
		said, there := members[part.name]
		if !there && value != nil {
			continue
		}
		if *part.into, err = scimText("name."+part.name, said); err != nil {
			return true, err
		}
	}
	return true, nil
}

// setOne sets the one member that we keep of a multi-valued attribute. A filter
// that means another one is passed over.
func setOne(kept *string, path scimPath, kind string, value any, add bool) error {
	if path.filter != nil && !path.filter.memberIs(kind, *kept) {
		if !add && value != nil && path.filter.namesValue() {
			return scimBad(scimNoTarget, "%s: there is none with this value.", inSCIMCase(path.name)) // RFC 7644 §3.5.2.3
		}
		return nil
	}
	if path.sub != "" {
		if path.sub != "value" {
			return nil // its kind stays
		}
		text, err := scimText(path.name+".value", value)
		if err == nil {
			*kept = text
		}
		return err
	}
	if text, ok := value.(string); ok && path.filter != nil {
		*kept = text // as some directories write it
		return nil
	}
	members, err := scimMembers(path.name, value)
	if err != nil {
		return err
	}
	text, err := chosenValue(path.name, kind, members)
	if err != nil {
		return err
	}
	if add && *kept != "" && !slices.ContainsFunc(members, func(m map[string]any) bool {
		named, _ := m["type"].(string)
		return isSCIMTrue(m["primary"]) || strings.EqualFold(named, kind)
	}) {
		return nil
	}
	*kept = text
	return nil
}
