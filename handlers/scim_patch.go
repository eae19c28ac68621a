package handlers

import (
	"slices"
	"strings"

	"usher/provisioning"
)

// maxSCIMOperations is how many operations a PATCH may have.
const maxSCIMOperations = 1000

// scimOperation is one step of a PATCH (RFC 7644 §3.5.2).
type scimOperation struct {
	op    string // add, replace or remove
	path  *scimPath
	value any
}

// readPatch takes the operations of a PATCH, in their order. Names of operations
// are not case-exact: some directories write "Replace".
func readPatch(body map[string]any) ([]scimOperation, error) {
	if err := speaks(body, scimPatchMessage); err != nil {
		return nil, err
	}
	list, ok := body["operations"].([]any)
	if !ok || len(list) == 0 || len(list) > maxSCIMOperations {
		return nil, scimBad(scimInvalidSyntax, "Operations: a list of 1 to %d operations is expected.", maxSCIMOperations)
	}
	var operations []scimOperation
	for _, item := range list {
		members, ok := item.(map[string]any)
		if !ok {
			return nil, scimBad(scimInvalidSyntax, "Operations: objects are expected.")
		}
		text, _ := members["op"].(string)
		o := scimOperation{op: strings.ToLower(text), value: members["value"]}
		if !slices.Contains([]string{"add", "replace", "remove"}, o.op) {
			return nil, scimBad(scimInvalidSyntax, "op: add, replace or remove is expected.")
		}
		switch path := members["path"].(type) {
		case nil:
			if o.op == "remove" {
				return nil, scimBad(scimNoTarget, "remove: a path is missing.")
			}
		case string:
			parsed, err := parseSCIMPath(path)
			if err != nil {
				return nil, err
			}
			o.path = &parsed
		default:
			return nil, scimBad(scimInvalidPath, "path: a string is expected.")
		}
		operations = append(operations, o)
	}
	return operations, nil
}

// each calls set for everything that the operation names: its path, or each
// member of its value, whose names may be paths.
func (o scimOperation) each(set func(path scimPath, value any) error) error {
	if o.path != nil {
		return set(*o.path, o.value)
	}
	members, ok := o.value.(map[string]any)
	if !ok {
		return scimBad(scimInvalidValue, "%s: without a path the value is an object.", o.op)
	}
	for _, name := range sayOrder(members) {
		if slices.Contains(readOnlySCIM, name) {
			continue // directories send the id along
		}
		path, err := extensionOr(name)
		if err != nil {
			return err
		}
		if err := set(path, members[name]); err != nil {
			return err
		}
	}
	return nil
}

// extensionOr reads the name of a member as a path. The name of an extension is a
// URN with nothing behind it, which is none.
func extensionOr(name string) (scimPath, error) {
	if strings.HasPrefix(name, "urn:") && !strings.HasPrefix(name, strings.ToLower(scimCore)) {
		return scimPath{scimAttribute: scimAttribute{schema: name}}, nil
	}
	return parseSCIMPath(name)
}

// patchUser carries out a PATCH of a user.
func patchUser(p *provisioning.SCIMPerson, operations []scimOperation) error {
	for _, o := range operations {
		err := o.each(func(path scimPath, value any) error {
			if slices.Contains(readOnlySCIM, path.name) {
				return scimBad(scimMutability, "%s: this cannot be changed.", inSCIMCase(path.name))
			}
			if o.op == "remove" {
				if path.name == "active" || path.name == "username" {
					return scimBad(scimMutability, "%s: this cannot be removed.", inSCIMCase(path.name))
				}
				value = nil
			}
			known, err := setUser(p, path, value, o.op == "add")
			if err == nil && !known {
				err = scimBad(scimInvalidPath, "path: users have no attribute %q.", clipped(path.name))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// patchGroup carries out a PATCH of a group.
func patchGroup(g *provisioning.SCIMGroupSaid, operations []scimOperation) error {
	for _, o := range operations {
		if err := o.each(func(path scimPath, value any) error { return setGroup(g, o.op, path, value) }); err != nil {
			return err
		}
	}
	return nil
}

// setGroup changes what a path names.
func setGroup(g *provisioning.SCIMGroupSaid, op string, path scimPath, value any) (err error) {
	if path.schema != "" && path.schema != strings.ToLower(scimGroupSchema) {
		return nil // an extension, which we do not keep
	}
	if op == "remove" && path.name != "members" {
		value = nil
	}
	switch {
	case slices.Contains(readOnlySCIM, path.name):
		return scimBad(scimMutability, "%s: this cannot be changed.", path.name)
	case path.name == "displayname" && path.sub == "" && path.filter == nil:
		g.DisplayName, err = scimText("displayName", value)
		return err
	case path.name == "externalid" && path.sub == "" && path.filter == nil:
		g.ExternalID, err = scimText("externalId", value)
		return err
	case path.name == "members" && path.sub == "" && path.filter != nil:
		id, ok := path.filter.memberID()
		if !ok || op != "remove" {
			return scimBad(scimInvalidPath, `path: members[value eq "…"] to remove is understood.`)
		}
		g.Members.Remove(id)
		return nil
	case path.name == "members" && path.sub == "":
		ids, err := memberIDs(value)
		if err != nil {
			return err
		}
		switch {
		case op == "add":
			g.Members.Add(ids...)
		case op == "remove" && value != nil:
			g.Members.Remove(ids...)
		default:
			g.Members.Replace(ids...)
		}
		return nil
	}
	return scimBad(scimInvalidPath, "path: groups have no attribute %q.", clipped(path.name))
}

// memberID is whom members[value eq "…"] means.
func (f scimFilter) memberID() (id string, ok bool) {
	if len(f) != 1 || f[0].name != "value" || f[0].sub != "" || f[0].inner != nil {
		return "", false
	}
	id, ok = f[0].value.(string)
	return id, ok
}

// memberIDs are the users that a list of members names.
func memberIDs(value any) ([]string, error) {
	members, err := scimMembers("members", value)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range members {
		id, ok := m["value"].(string)
		if !ok {
			return nil, scimBad(scimInvalidValue, "members: each has a value, the id of a user.")
		}
		ids = append(ids, id)
	}
	return ids, nil
}
