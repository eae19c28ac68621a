package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSCIMPages: lists are whole and in order, whatever the size of their pages.
func TestSCIMPages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		d := i.directory(t, i.install(t, nil))
		var want []string
		for n := range 7 {
			want = append(want, d.add(t, fmt.Sprintf("p%d", n), nil).ID)
		}
		for _, size := range []int{1, 3, 7, 200} {
			var got []string
			for start := 1; start <= 7; start += size {
				page := d.list(t, fmt.Sprintf("/Users?startIndex=%d&count=%d", start, size))
				if page.TotalResults != 7 || page.ItemsPerPage != len(page.Resources) || page.StartIndex != start {
					t.Errorf("got %+v, want 7 in all", page)
				}
				for _, u := range page.Resources {
					got = append(got, u.ID)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("pages of %d: got %v, want %v", size, got, want)
			}
		}
		for query, items := range map[string]int{
			"startIndex=0&count=2": 2, "startIndex=-5": 7, "count=-1": 0, "count=0": 0, "startIndex=8": 0, "startIndex=99999999999&count=9999": 0,
		} {
			if got := d.list(t, "/Users?"+query); got.ItemsPerPage != items || got.TotalResults != 7 {
				t.Errorf("%s: got %+v, want %d of 7", query, got, items)
			}
		}
	})
}

// TestSCIMShown: attributes and excludedAttributes choose what is in an answer.
func TestSCIMShown(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	d := i.directory(t, i.install(t, nil))
	anna := d.add(t, "anna", nil)
	for query, want := range map[string]string{
		"attributes=userName":                                 "id,schemas,userName",
		"attributes=USERNAME,name.givenName":                  "id,name(givenName),schemas,userName",
		"attributes=" + scimUserURN + ":active":               "active,id,schemas",
		"excludedAttributes=name,emails,meta,active":          "externalId,id,schemas,userName",
		"excludedAttributes=name.familyName,id,emails,meta":   "active,externalId,id,name(givenName),schemas,userName",
		"attributes=emails.value":                             "emails(value),id,schemas",
		"excludedAttributes=emails.type,emails.primary,meta,": "",
	} {
		if want == "" {
			d.fails(t, 400, "invalidValue", "GET", "/Users/"+anna.ID+"?"+query, nil)
			continue
		}
		one := shapeOf(t, d.ask(t, 200, "GET", "/Users/"+anna.ID+"?"+query, nil).body)
		if one != want {
			t.Errorf("%s: got %s, want %s", query, one, want)
		}
	}
	etag := d.ask(t, 200, "GET", "/Users/"+anna.ID, nil).header.Get("ETag")
	if etag == "" || etag != anna.Meta.Version {
		t.Errorf("got ETag %q, want the version %q", etag, anna.Meta.Version)
	}
	d.ask(t, 304, "GET", "/Users/"+anna.ID, nil, "If-None-Match: "+etag)
	d.ask(t, 200, "GET", "/Users/"+anna.ID, nil, `If-None-Match: "0"`)
	for _, old := range []string{`"0"`, `W/"0"`} {
		d.fails(t, 412, "", "DELETE", "/Users/"+anna.ID, nil, "If-Match: "+old)
	}
	d.ask(t, 200, "PUT", "/Users/"+anna.ID, scimPerson("anna", nil), "If-Match: W/"+etag)

	config := decode[map[string]any](t, d.ask(t, 200, "GET", "/ServiceProviderConfig", nil))
	for feature, want := range map[string]bool{"patch": true, "bulk": false, "filter": true, "etag": true, "sort": false, "changePassword": false} {
		if got := config[feature].(map[string]any)["supported"]; got != want {
			t.Errorf("%s: got %v, want %v", feature, got, want)
		}
	}
	for _, path := range []string{"/Schemas", "/ResourceTypes"} {
		all := decode[struct{ Resources []scimDescription }](t, d.ask(t, 200, "GET", path, nil)).Resources
		if len(all) != 2 {
			t.Errorf("%s: got %+v, want two", path, all)
		}
		for _, r := range all {
			one := decode[scimDescription](t, d.ask(t, 200, "GET", path+"/"+r.ID, nil))
			if one.Meta.Location != "http://localhost:"+i.port+"/scim/v2"+path+"/"+r.ID {
				t.Errorf("%s: got %+v", path, one)
			}
		}
	}
}

// scimDescription is a schema or a resource type, as far as it says where it is.
type scimDescription struct {
	ID   string
	Meta struct{ Location string }
}

// shapeOf names the members of an object, with those of its own objects.
func shapeOf(t *testing.T, text string) string {
	t.Helper()
	var shape func(v any) string
	shape = func(v any) string {
		object, ok := v.(map[string]any)
		if list, isList := v.([]any); isList && len(list) > 0 {
			object, ok = list[0].(map[string]any)
		}
		if !ok {
			return ""
		}
		var names []string
		for name, member := range object {
			names = append(names, name+shape(member))
		}
		slices.Sort(names)
		return "(" + strings.Join(names, ",") + ")"
	}
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	return strings.Trim(shape(tree), "()")
}
