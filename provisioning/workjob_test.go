package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"usher/provisioning"
	"usher/sql/store"
)

// TestWorkJob: an import that is interrupted goes on where its last batch ended,
// once, however many work on it; what they are told only grows.
func TestWorkJob(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		var text strings.Builder
		text.WriteString("kind,id,name\n")
		for i := range 500 {
			fmt.Fprintf(&text, "group,g%d,Group\n", i)
		}
		rows, err := provisioning.ReadCatalogFile([]byte(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		j, err := p.svc.ImportRows(t.Context(), p.tenant, rows, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		before := p.count(t, "groups")
		ctx, stop := context.WithCancel(t.Context())
		if _, err := p.svc.WorkJob(ctx, p.tenant, j.ID, func(done, _ int64) {
			if done > 0 {
				stop()
			}
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted: got error %v, want that of the context", err)
		}
		if got := p.count(t, "groups") - before; got != 200 {
			t.Errorf("interrupted: got %d groups, want the first batch of 200", got)
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				var last int64
				got, err := p.svc.WorkJob(t.Context(), p.tenant, j.ID, func(done, total int64) {
					if done < last || done > 500 || done > 0 && total != 500 {
						t.Errorf("got %d of %d after %d", done, total, last)
					}
					last = done
				})
				if want := `{"parts":3,"added":500,"changed":0,"same":0}`; err != nil || got.State != store.JobDone || got.Result != want {
					t.Errorf("got %s, result %s, error %v, want %s", got.State, got.Result, err, want)
				}
			})
		}
		all.Wait()
		if got := p.count(t, "groups") - before; got != 500 {
			t.Errorf("got %d groups, want 500", got)
		}
		other := p.world.place(t, provisioning.Settings{})
		if _, err := p.svc.WorkJob(t.Context(), other.tenant, j.ID, func(int64, int64) {}); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("of another tenant: got error %v, want ErrNotFound", err)
		}
	})
}
