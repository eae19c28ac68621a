package provisioning_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

const contentOrigin = "https://content.example"

// withContent lets the integration's resources come from contentOrigin.
func withContent() provisioning.Settings {
	return provisioning.Settings{ContentOrigins: &[]string{contentOrigin}, EmbedOrigins: &[]string{"https://news.example"}}
}

// wish is a resource of an integration; restricted or not, with the built-in page.
func wish(integration, kind, id string, restricted bool) provisioning.NewResource {
	title := "Resource " + id
	return provisioning.NewResource{
		Kind: kind, ID: id, Integration: integration,
		ResourceSettings: provisioning.ResourceSettings{Title: &title, Restricted: &restricted},
	}
}

func (p *place) addResource(t *testing.T, w provisioning.NewResource) provisioning.Resource {
	t.Helper()
	r, err := p.svc.AddResource(t.Context(), p.tenant, w, byAPI)
	if err != nil {
		t.Fatalf("AddResource(%s/%s): %v", w.Kind, w.ID, err)
	}
	return r
}

// addresses are the kinds and ids of resources.
func addresses(resources []provisioning.Resource) []string {
	all := []string{}
	for _, r := range resources {
		all = append(all, r.Kind+"/"+r.ID)
	}
	return all
}

// newestAct is the last act of the audit log.
func (p *place) newestAct(t testing.TB) string {
	t.Helper()
	rows, _, err := p.svc.AuditLog(t.Context(), p.tenant, provisioning.AuditFilter{}, 1)
	if err != nil || len(rows) != 1 {
		t.Fatalf("AuditLog: got %v, error %v", rows, err)
	}
	return rows[0].Actor + " " + rows[0].Action + " " + rows[0].Object + " " + rows[0].Detail
}

func reasonIn(err error) provisioning.Reason {
	if refusal, ok := errors.AsType[*provisioning.Refusal](err); ok {
		return refusal.Reason
	}
	return ""
}

func TestResourceFor(t *testing.T) {
	eachPlace(t, withContent(), func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{})
		p.addResource(t, wish(p.ID, "vote", "open", false))
		p.addResource(t, wish(p.AppID, "vote", "closed", true))
		p.mirror(t)
		for _, test := range []struct {
			who          string
			authorized   []string
			open, closed bool
		}{
			{p.ID, nil, true, true},
			{p.ID, []string{}, true, true},
			{p.ID, []string{"open"}, true, false},
			{p.ID, []string{"open", "closed"}, true, true},
			{p.ID, []string{"Open", "other"}, false, false},
			{other.ID, nil, true, false},
			{other.ID, []string{}, true, false},
			{other.ID, []string{"open", "closed"}, true, false}, // a list never widens
			{other.ID, []string{"closed"}, false, false},
		} {
			who := provisioning.Visitor{IntegrationID: test.who, Authorized: test.authorized}
			var may []string
			for id, want := range map[string]bool{"open": test.open, "closed": test.closed} {
				r, err := p.svc.ResourceFor(t.Context(), p.tenant, "vote", id, who)
				if got := err == nil && r.Title == "Resource "+id; got != want || !got && reasonIn(err) != provisioning.ResourceForbidden {
					t.Errorf("%+v opens %s: got %+v, error %v, want %t", test, id, r, err, want)
				}
				if want {
					may = append(may, "vote/"+id)
				}
			}
			slices.Sort(may)
			list, next, err := p.svc.ResourcesFor(t.Context(), p.tenant, who, "", "", 10)
			if err != nil || next != "" || !slices.Equal(addresses(list), may) {
				t.Errorf("%+v: got the list %v, %q, error %v, want %v", test, addresses(list), next, err, may)
			}
		}
		mine := provisioning.Visitor{IntegrationID: p.ID}
		for _, at := range [][2]string{{"vote", "none"}, {"Vote", "open"}, {"vote", ".."}, {"vote", ""}, {"", "open"}, {"vote", "a/b"}} {
			_, err := p.svc.ResourceFor(t.Context(), p.tenant, at[0], at[1], mine)
			wantErrorIs(t, err, provisioning.ErrNotFound)
		}

		// The owner's removal hides what it owns, from the other's people too, and
		// on the other instance within seconds.
		second := p.another(t)
		theirs := provisioning.Visitor{IntegrationID: other.ID}
		if _, err := second.ResourceFor(t.Context(), p.tenant, "vote", "open", theirs); err != nil {
			t.Fatal(err)
		}
		if preview, err := p.svc.Removal(t.Context(), p.tenant, p.ID); err != nil || preview.Resources != 2 || preview.ResourcesMore {
			t.Errorf("Removal: got %+v, error %v, want two resources", preview, err)
		}
		if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		_, err := p.svc.ResourceFor(t.Context(), p.tenant, "vote", "open", theirs)
		wantErrorIs(t, err, provisioning.ErrNotFound)
		p.clock.advance(5 * time.Second)
		_, err = second.ResourceFor(t.Context(), p.tenant, "vote", "open", theirs)
		wantErrorIs(t, err, provisioning.ErrNotFound)
		if list, _, err := p.svc.ResourcesFor(t.Context(), p.tenant, theirs, "", "", 10); err != nil || len(list) != 0 {
			t.Errorf("got the list %v, error %v, want none of a removed owner", addresses(list), err)
		}

		// Given to the other integration it is there again.
		if _, err := p.svc.ChangeResource(t.Context(), p.tenant, "vote", "open", other.AppID, provisioning.ResourceSettings{}, byAPI); err != nil {
			t.Fatal(err)
		}
		if _, err := p.svc.ResourceFor(t.Context(), p.tenant, "vote", "open", theirs); err != nil {
			t.Errorf("got error %v after the resource has a new owner", err)
		}
	})
}

func TestEmbedOrigins(t *testing.T) {
	eachPlace(t, withContent(), func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{EmbedOrigins: &[]string{"https://a.example", "https://news.example"}})
		none := p.install(t, provisioning.Settings{})
		for _, test := range []struct {
			integration string
			want        []string
		}{
			{p.ID, []string{"https://news.example"}},
			{other.ID, []string{"https://a.example", "https://news.example"}},
			{none.ID, nil},
			{"", []string{"https://a.example", "https://news.example"}},
		} {
			got, err := p.svc.EmbedOrigins(t.Context(), p.tenant, test.integration)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("EmbedOrigins(%q): got %v, error %v, want %v", test.integration, got, err, test.want)
			}
		}
		if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		_, err := p.svc.EmbedOrigins(t.Context(), p.tenant, p.ID)
		wantErrorIs(t, err, provisioning.ErrNotFound)
		_, err = p.svc.EmbedOrigins(t.Context(), p.tenant, newID(t))
		wantErrorIs(t, err, provisioning.ErrNotFound)
	})
}

func TestResourceFields(t *testing.T) {
	eachPlace(t, withContent(), func(t *testing.T, p *place) {
		p.mirror(t)
		text := func(s string) *string { return &s }
		long := contentOrigin + "/" + strings.Repeat("x", 2048)
		for _, test := range []struct {
			change func(*provisioning.NewResource)
			want   string // the field at fault; "" = accepted
		}{
			{func(w *provisioning.NewResource) { w.Kind = "" }, "kind"},
			{func(w *provisioning.NewResource) { w.Kind = "Vote" }, "kind"},
			{func(w *provisioning.NewResource) { w.Kind = "-vote" }, "kind"},
			{func(w *provisioning.NewResource) { w.Kind = "vote_widget" }, "kind"},
			{func(w *provisioning.NewResource) { w.Kind = strings.Repeat("v", 33) }, "kind"},
			{func(w *provisioning.NewResource) { w.Kind = strings.Repeat("v", 32) }, ""},
			{func(w *provisioning.NewResource) { w.ID = ".." }, "id"},
			{func(w *provisioning.NewResource) { w.ID = "." }, "id"},
			{func(w *provisioning.NewResource) { w.ID = "..." }, ""},
			{func(w *provisioning.NewResource) { w.ID = "a/b" }, "id"},
			{func(w *provisioning.NewResource) { w.ID = "é" }, "id"},
			{func(w *provisioning.NewResource) { w.ID = strings.Repeat("x", 129) }, "id"},
			{func(w *provisioning.NewResource) { w.ID = "57cc26.A_b~-" + strings.Repeat("x", 116) }, ""},
			{func(w *provisioning.NewResource) { w.Title = nil }, "title"},
			{func(w *provisioning.NewResource) { w.Title = text("  ") }, "title"},
			{func(w *provisioning.NewResource) { w.Title = text("a\x00b") }, "title"},
			{func(w *provisioning.NewResource) { w.Title = text(strings.Repeat("é", 201)) }, "title"},
			{func(w *provisioning.NewResource) { w.Title = text(strings.Repeat("é", 200)) }, ""},
			{func(w *provisioning.NewResource) { w.Integration = newID(t) }, "integration"},
			{func(w *provisioning.NewResource) { w.Integration = "" }, "integration"},
			{func(w *provisioning.NewResource) { w.Content = text("") }, ""},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin) }, ""},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + "/votes/1%2F2/") }, ""},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + ":443/votes") }, ""},
			{func(w *provisioning.NewResource) { w.Content = text("https://other.example/votes") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text("http://content.example/votes") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + ":8443/votes") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text("https://content.example.evil.example/") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text("https://a:b@content.example/") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + "/#x") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + "/?key=1") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + "/a/../b") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + "/a/%2e%2E/b") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + `\x`) }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(contentOrigin + "/\r\nx") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text("http://169.254.169.254/") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text("file:///etc/passwd") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text("//content.example/") }, "content"},
			{func(w *provisioning.NewResource) { w.Content = text(long) }, "content"},
		} {
			w := wish(p.ID, "vote", "", false)
			test.change(&w)
			r, err := p.svc.AddResource(t.Context(), p.tenant, w, byAPI)
			if invalid, ok := errors.AsType[*provisioning.Invalid](err); ok != (test.want != "") || ok && invalid.Field != test.want {
				t.Errorf("%+v: got %+v, error %v, want a fault of %q", w, r, err, test.want)
			}
			if err == nil && w.ID == "" && len(r.ID) != 24 {
				t.Errorf("got the id %q, want one of 24 digits", r.ID)
			}
		}
	})
}

func TestContentURL(t *testing.T) {
	eachPlace(t, withContent(), func(t *testing.T, p *place) {
		w, content := wish(p.ID, "vote", "1", false), contentOrigin+":443/votes/1"
		w.Content = &content
		r := p.addResource(t, w)
		at, err := p.svc.ContentURL(t.Context(), p.tenant, r)
		if err != nil || at.String() != content {
			t.Errorf("got %v, error %v, want %s", at, err, content)
		}
		// The list shrinks: what was stored is not fetched any more.
		p.change(t, provisioning.Settings{ContentOrigins: &[]string{"https://content.example:8443"}})
		if at, err := p.svc.ContentURL(t.Context(), p.tenant, r); at != nil || reasonIn(err) != provisioning.ResourceForbidden {
			t.Errorf("got %v, error %v, want %s", at, err, provisioning.ResourceForbidden)
		}
		if at, err := p.svc.ContentURL(t.Context(), p.tenant, p.addResource(t, wish(p.ID, "vote", "2", false))); at != nil || err != nil {
			t.Errorf("built-in page: got %v, error %v, want neither", at, err)
		}
	})
}

func TestResourcesByHand(t *testing.T) {
	eachPlace(t, withContent(), func(t *testing.T, p *place) {
		ctx := t.Context()
		p.mirror(t)
		r := p.addResource(t, wish(p.ID, "vote", "1", false))
		if got, want := p.newestAct(t), fmt.Sprintf(`resource_added resource vote/1 {"content":"","integration":"%s","restricted":false,"title":"Resource 1"}`, p.ID); !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
		_, err := p.svc.AddResource(ctx, p.tenant, wish(p.ID, "vote", "1", false), byAPI)
		wantErrorIs(t, err, provisioning.ErrTaken)

		mine := provisioning.Visitor{IntegrationID: p.ID}
		if got, err := p.svc.ResourceFor(ctx, p.tenant, "vote", "1", mine); err != nil || got.Title != "Resource 1" {
			t.Fatalf("got %+v, error %v", got, err)
		}
		title, yes := "New", true
		changed, err := p.svc.ChangeResource(ctx, p.tenant, "vote", "1", "", provisioning.ResourceSettings{Title: &title, Restricted: &yes}, byAPI)
		if err != nil || changed.Revision != r.Revision+1 || changed.Title != "New" || !changed.Restricted {
			t.Errorf("got %+v, error %v, want it changed", changed, err)
		}
		if got, want := p.newestAct(t), `resource_changed resource vote/1 {"restricted":{"from":false,"to":true},"title":{"from":"Resource 1","to":"New"}}`; !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
		// A change of this process counts at once.
		if got, err := p.svc.ResourceFor(ctx, p.tenant, "vote", "1", mine); err != nil || got.Title != "New" {
			t.Errorf("got %+v, error %v, want the new title", got, err)
		}
		acts := p.count(t, "audit_log")
		if same, err := p.svc.ChangeResource(ctx, p.tenant, "vote", "1", p.ID, provisioning.ResourceSettings{Title: &title}, byAPI); err != nil || same.Revision != changed.Revision || p.count(t, "audit_log") != acts {
			t.Errorf("got %+v, error %v, want nothing written for no change", same, err)
		}
		stale := byAPI
		stale.IfMatch = []int64{r.Revision}
		_, err = p.svc.ChangeResource(ctx, p.tenant, "vote", "1", "", provisioning.ResourceSettings{Title: new(string)}, stale)
		if _, ok := errors.AsType[*provisioning.Invalid](err); !ok {
			t.Errorf("got error %v, want the empty title refused", err)
		}
		again := "Again"
		_, err = p.svc.ChangeResource(ctx, p.tenant, "vote", "1", "", provisioning.ResourceSettings{Title: &again}, stale)
		wantErrorIs(t, err, provisioning.ErrChanged)
		wantErrorIs(t, p.svc.DeleteResource(ctx, p.tenant, "vote", "1", stale), provisioning.ErrChanged)
		_, err = p.svc.ChangeResource(ctx, p.tenant, "vote", "2", "", provisioning.ResourceSettings{Title: &again}, byAPI)
		wantErrorIs(t, err, provisioning.ErrNotFound)

		// What another integration's content origins do not cover stays where it is.
		other, content := p.install(t, provisioning.Settings{}), contentOrigin+"/1"
		if _, err := p.svc.ChangeResource(ctx, p.tenant, "vote", "1", "", provisioning.ResourceSettings{Content: &content}, byAPI); err != nil {
			t.Fatal(err)
		}
		_, err = p.svc.ChangeResource(ctx, p.tenant, "vote", "1", other.ID, provisioning.ResourceSettings{}, byAPI)
		if invalid, ok := errors.AsType[*provisioning.Invalid](err); !ok || invalid.Field != "content" {
			t.Errorf("got error %v, want the content refused for the new owner", err)
		}

		if err := p.svc.DeleteResource(ctx, p.tenant, "vote", "1", byAPI); err != nil {
			t.Fatal(err)
		}
		_, err = p.svc.ResourceFor(ctx, p.tenant, "vote", "1", mine)
		wantErrorIs(t, err, provisioning.ErrNotFound)
		wantErrorIs(t, p.svc.DeleteResource(ctx, p.tenant, "vote", "1", byAPI), provisioning.ErrNotFound)
	})
}

func TestListResources(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{})
		want := []string{"a-b/1", "a/Z", "a/a", "a/a~", "ab/0"} // byte by byte, kind before id
		for i, at := range []string{"ab/0", "a/a~", "a/Z", "a/a", "a-b/1"} {
			kind, id, _ := strings.Cut(at, "/")
			owner := p.ID
			if i == 0 {
				owner = other.ID
			}
			p.addResource(t, wish(owner, kind, id, false))
		}
		slices.SortFunc(want, func(a, b string) int {
			ak, ai, _ := strings.Cut(a, "/")
			bk, bi, _ := strings.Cut(b, "/")
			return strings.Compare(ak+"\x00"+ai, bk+"\x00"+bi)
		})
		p.mirror(t)
		var got []string
		for after, pages := "", 0; ; pages++ {
			page, next, err := p.svc.Resources(t.Context(), p.tenant, provisioning.ResourceFilter{}, after, 2)
			if err != nil || pages > 3 {
				t.Fatalf("page %d: error %v", pages, err)
			}
			got = append(got, addresses(page)...)
			if after = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for _, test := range []struct {
			filter provisioning.ResourceFilter
			want   int
		}{
			{provisioning.ResourceFilter{Kind: "a"}, 3},
			{provisioning.ResourceFilter{Integration: other.AppID}, 1},
			{provisioning.ResourceFilter{Integration: p.ID, Kind: "ab"}, 0},
		} {
			list, next, err := p.svc.Resources(t.Context(), p.tenant, test.filter, "", 10)
			if err != nil || len(list) != test.want || next != "" {
				t.Errorf("%+v: got %v, error %v, want %d", test.filter, addresses(list), err, test.want)
			}
		}
		for _, wrong := range []provisioning.ResourceFilter{{Kind: "A"}, {Integration: "x"}} {
			if _, _, err := p.svc.Resources(t.Context(), p.tenant, wrong, "", 10); !isInvalid(err) {
				t.Errorf("%+v: got error %v, want it refused", wrong, err)
			}
		}
		for _, after := range []string{"a", "a/", "/a", "a/b/c", "a/\x00", "A/b"} {
			if _, _, err := p.svc.Resources(t.Context(), p.tenant, provisioning.ResourceFilter{}, after, 10); !isInvalid(err) {
				t.Errorf("after %q: got error %v, want it refused", after, err)
			}
		}
	})
}

func TestPublish(t *testing.T) {
	eachPlace(t, withContent(), func(t *testing.T, p *place) {
		ctx, other := t.Context(), p.install(t, provisioning.Settings{})
		p.mirror(t)
		by := provisioning.By{Actor: "integration " + p.ID, Name: "Partner"}
		r, err := p.svc.Publish(ctx, p.tenant, p.ID, wish("", "vote", "", true), by)
		if err != nil || r.IntegrationID != p.ID || len(r.ID) != 24 || !r.Restricted {
			t.Fatalf("Publish: got %+v, error %v", r, err)
		}
		if got := p.newestAct(t); !strings.HasPrefix(got, by.Actor+" resource_added ") {
			t.Errorf("got %s, want the integration's act", got)
		}
		put := func(owner string, w provisioning.NewResource) (provisioning.Resource, bool, error) {
			return p.svc.PutPublished(ctx, p.tenant, owner, w, by)
		}
		made, created, err := put(p.ID, wish("", "vote", "1", true))
		if err != nil || !created || !made.Restricted {
			t.Errorf("first PUT: got %+v, %t, error %v", made, created, err)
		}
		// What a PUT leaves out takes the default.
		plain := wish("", "vote", "1", true)
		plain.Restricted = nil
		replaced, created, err := put(p.ID, plain)
		if err != nil || created || replaced.Restricted || replaced.Revision != made.Revision+1 || !replaced.CreatedAt.Equal(made.CreatedAt) {
			t.Errorf("second PUT: got %+v, %t, error %v", replaced, created, err)
		}
		same, created, err := put(p.ID, plain)
		if err != nil || created || same.Revision != replaced.Revision {
			t.Errorf("same PUT: got %+v, %t, error %v, want no change", same, created, err)
		}

		// Another integration can neither take it over nor see it.
		_, _, err = put(other.ID, plain)
		wantErrorIs(t, err, provisioning.ErrTaken)
		_, err = p.svc.Publish(ctx, p.tenant, other.ID, plain, by)
		wantErrorIs(t, err, provisioning.ErrTaken)
		_, err = p.svc.PublishedResource(ctx, p.tenant, other.ID, "vote", "1")
		wantErrorIs(t, err, provisioning.ErrNotFound)
		wantErrorIs(t, p.svc.Withdraw(ctx, p.tenant, other.ID, "vote", "1", by), provisioning.ErrNotFound)
		if list, _, err := p.svc.Published(ctx, p.tenant, other.ID, "", "", 10); err != nil || len(list) != 0 {
			t.Errorf("got %v, error %v, want nothing of the other", addresses(list), err)
		}
		if list, _, err := p.svc.Published(ctx, p.tenant, p.ID, "vote", "", 10); err != nil || len(list) != 2 {
			t.Errorf("got %v, error %v, want both", addresses(list), err)
		}
		stale := by
		stale.IfMatch = []int64{made.Revision}
		_, _, err = p.svc.PutPublished(ctx, p.tenant, p.ID, wish("", "vote", "1", true), stale)
		wantErrorIs(t, err, provisioning.ErrChanged)
		_, _, err = p.svc.PutPublished(ctx, p.tenant, p.ID, wish("", "vote", "not-there", true), stale)
		wantErrorIs(t, err, provisioning.ErrChanged)
		if err := p.svc.Withdraw(ctx, p.tenant, p.ID, "vote", "1", by); err != nil {
			t.Error(err)
		}
		if err := p.svc.Remove(ctx, p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		_, _, err = put(p.ID, plain)
		wantErrorIs(t, err, provisioning.ErrNotFound)
	})
}

func TestParallelPuts(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.mirror(t)
		by := provisioning.By{Actor: "integration " + p.ID, Name: "Partner"}
		var made atomic.Int64
		var mu sync.Mutex
		revisions := map[int64]bool{}
		together(12, func(i int) {
			w, title := wish("", "vote", "1", false), fmt.Sprint("Title ", i)
			w.Title = &title
			r, created, err := instances[i%2].PutPublished(t.Context(), p.tenant, p.ID, w, by)
			if err != nil {
				t.Errorf("PUT %d: %v", i, err)
				return
			}
			if created {
				made.Add(1)
			}
			mu.Lock()
			defer mu.Unlock()
			revisions[r.Revision] = true
		})
		if made.Load() != 1 || len(revisions) != 12 || p.count(t, "resources") != 1 {
			t.Errorf("got %d made, %d revisions, %d rows, want 1, 12 and 1", made.Load(), len(revisions), p.count(t, "resources"))
		}
		r, err := p.svc.Resource(t.Context(), p.tenant, "vote", "1")
		if err != nil || r.Revision != 12 {
			t.Errorf("got %+v, error %v, want revision 12", r, err)
		}
	})
}

func TestPublishQuota(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		act := func(found *store.Resource) (store.Resource, store.Act, error) {
			return store.Resource{Title: "R", IntegrationID: p.ID}, store.Act{By: byAPI, Action: "resource_added", Object: "resource"}, nil
		}
		for n := range 3 {
			_, created, err := p.store.WriteResource(t.Context(), p.tenant.ID, "vote", fmt.Sprint(n), 2, act)
			if want := n < 2; want != (err == nil && created) || !want && !errors.Is(err, store.ErrFull) {
				t.Errorf("resource %d of at most 2: got %t, error %v", n, created, err)
			}
		}
		// One that is there can be changed all the same.
		if _, created, err := p.store.WriteResource(t.Context(), p.tenant.ID, "vote", "1", 2, act); err != nil || created {
			t.Errorf("change: got %t, error %v", created, err)
		}
		_, _, err := p.store.WriteResource(t.Context(), p.tenant.ID, "vote", "x", 0, func(*store.Resource) (store.Resource, store.Act, error) {
			return store.Resource{Title: "R", IntegrationID: newID(t)}, store.Act{By: byAPI, Action: "resource_added", Object: "resource"}, nil
		})
		wantErrorIs(t, err, store.ErrNotFound)
	})
}
