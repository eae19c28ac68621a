package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"usher/web"
)

// The sample application's votes: what Usher shows in a frame at
// /embed/vote-widget/<id>, and as a mere button at /embed/vote-button/<id>.
// Usher fetches them from here and says in headers who is there. These headers
// are to be believed because nobody but Usher reaches the application; in the
// demo the port is open, so anyone on the same machine could claim anything.

// ballots are the votes given so far, for as long as the demo runs.
type ballots struct {
	mu    sync.Mutex
	given map[string]map[string]string // vote → user id → choice
}

// mostVoters is how many ballots are kept for one vote.
const mostVoters = 10_000

// cast takes a user's vote. A second one is refused.
func (b *ballots) cast(vote, user, choice string) (votes int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	given := b.given[vote]
	if given == nil {
		given = map[string]string{}
		b.given[vote] = given
	}
	if _, again := given[user]; again || len(given) == mostVoters {
		return len(given), false
	}
	given[user] = choice
	return len(given), true
}

func (b *ballots) count(vote string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.given[vote])
}

// serveWidgets adds the votes' pages. Everything that a page needs lies below
// its own address.
func (cfg appConfig) serveWidgets(mux *http.ServeMux) {
	votes := &ballots{given: map[string]map[string]string{}}
	policy := "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors " + cfg.UsherURL
	for _, r := range demoResources() {
		if r.path == "" {
			continue
		}
		mux.HandleFunc("GET "+r.path+"{$}", func(w http.ResponseWriter, request *http.Request) {
			page := web.DemoWidget{
				UsherURL: cfg.UsherURL, Button: r.kind == "vote-button", Question: r.title,
				UserID: identity(request, "User"), Email: identity(request, "Email"), Votes: votes.count(r.id),
			}
			for group := range strings.SplitSeq(request.Header.Get("X-Usher-Groups"), ",") {
				if name, err := url.PathUnescape(group); err == nil && name != "" {
					page.Groups = append(page.Groups, name)
				}
			}
			if page.UserID == "" {
				http.Error(w, "open this through Usher", http.StatusForbidden)
				return
			}
			w.Header().Set("Content-Security-Policy", policy)
			sendPage(w, cfg.Pages, http.StatusOK, page)
		})
		mux.HandleFunc("POST "+r.path+"votes", func(w http.ResponseWriter, request *http.Request) {
			user, choice := identity(request, "User"), request.PostFormValue("choice")
			if user == "" || choice != "yes" && choice != "no" {
				http.Error(w, "no vote", http.StatusBadRequest)
				return
			}
			answer := struct {
				Choice string `json:"choice"`
				Votes  int    `json:"votes"`
				Says   string `json:"says"`
			}{Choice: choice, Says: "Thank you. Your vote is counted."}
			status, fresh := http.StatusOK, false
			if answer.Votes, fresh = votes.cast(r.id, user, choice); !fresh {
				status, answer.Says = http.StatusConflict, "You have voted already."
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(answer) // fails only when the browser has gone
		})
		mux.Handle("GET "+strings.TrimSuffix(r.path, "/")+web.AssetPrefix, http.StripPrefix(strings.TrimSuffix(r.path, "/"), web.Assets()))
	}
}

// identity is what Usher says of the person, decoded; "" = nothing.
func identity(r *http.Request, name string) string {
	value, err := url.PathUnescape(r.Header.Get("X-Usher-" + name))
	if err != nil {
		return ""
	}
	return value
}
