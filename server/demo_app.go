package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"usher/web"
)

// appConfig is what the demo's sample application needs. It holds no key: who
// the browser belongs to is Usher's to say.
type appConfig struct {
	UsherURL   string // origin, as both the browser and this server reach it
	PartnerURL string // origin of the sample partner site
	URL        string // origin of the application itself
	Client     *http.Client
	Pages      *web.Pages
}

const (
	appTimeout     = 3 * time.Second
	appAnswerLimit = 1 << 20 // bytes of an answer that are read at most
)

// errSignedOut says that Usher knows no session for the browser.
var errSignedOut = errors.New("no session")

// newApp is the demo's sample application: one page, at / and at /courses,
// that shows the signed-in person as Usher reports them, and the votes that
// Usher frames.
func newApp(cfg appConfig) http.Handler {
	client := *cfg.Client
	// The cookie is for Usher, not for wherever an answer might point.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	show := func(w http.ResponseWriter, r *http.Request) {
		page := web.DemoApp{
			SignOut:   cfg.UsherURL + "/auth/logout",
			Go:        cfg.URL + "/",
			PartnerAt: cfg.PartnerURL + "/",
		}
		person, err := askUsher(r.Context(), &client, cfg.UsherURL, r.Header.Values("Cookie"))
		status := http.StatusOK
		switch {
		case err == nil:
			page.Person = &person
		case errors.Is(err, errSignedOut):
			status = http.StatusUnauthorized
		default:
			page.Unavailable = true
			status = http.StatusBadGateway
		}
		sendPage(w, cfg.Pages, status, page)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", show)
	mux.HandleFunc("GET /courses", show)
	cfg.serveWidgets(mux)
	return demoSite(mux, demoPolicy{forms: []string{cfg.UsherURL}})
}

// askUsher passes the browser's cookies on to Usher's GET /auth/session and
// reads who is signed in. Without a session it returns errSignedOut.
//
// Usher's cookie reaches this server because cookies do not know ports: one
// set by localhost:8080 is sent to localhost:8082 as well. On the public
// internet the application would share Usher's host behind one proxy.
func askUsher(ctx context.Context, client *http.Client, usher string, cookies []string) (web.Person, error) {
	ctx, cancel := context.WithTimeout(ctx, appTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, usher+"/auth/session", nil)
	if err != nil {
		return web.Person{}, fmt.Errorf("ask for the session: %w", err)
	}
	req.Header["Cookie"] = cookies
	req.Header.Set("Accept", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return web.Person{}, fmt.Errorf("ask for the session: %w", err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return web.Person{}, errSignedOut
	default:
		return web.Person{}, fmt.Errorf("ask for the session: got status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, appAnswerLimit+1))
	if err != nil {
		return web.Person{}, fmt.Errorf("read the session: %w", err)
	}
	if len(body) > appAnswerLimit {
		return web.Person{}, fmt.Errorf("read the session: more than %d bytes", appAnswerLimit)
	}
	return readSession(body)
}

// readSession reads the answer of GET /auth/session.
func readSession(body []byte) (web.Person, error) {
	var session struct {
		User struct {
			ID     string `json:"id"`
			Email  string `json:"email"`
			Name   string `json:"name"`
			First  string `json:"first_name"`
			Last   string `json:"last_name"`
			Groups []struct {
				ExternalID string `json:"external_id"`
				Name       string `json:"name"`
			} `json:"groups"`
			Credits []struct {
				OrderID  string `json:"order_id"`
				ID       int64  `json:"id"`
				Name     string `json:"name"`
				Consumed bool   `json:"consumed"`
				Parked   bool   `json:"parked"`
			} `json:"credits"`
			Meta map[string]json.RawMessage `json:"meta"`
		} `json:"user"`
		Integration struct {
			Name string `json:"name"`
		} `json:"integration"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal(body, &session); err != nil {
		return web.Person{}, fmt.Errorf("read the session: %w", err)
	}
	user := session.User
	if user.ID == "" {
		return web.Person{}, errors.New("read the session: it names no user")
	}
	person := web.Person{
		ID:          user.ID,
		Name:        user.Name,
		Email:       user.Email,
		Integration: session.Integration.Name,
		ExpiresAt:   session.ExpiresAt,
		Meta:        make(map[string]any, len(user.Meta)),
	}
	if person.Name == "" {
		person.Name = joinNames(user.First, user.Last)
	}
	for _, g := range user.Groups {
		person.Groups = append(person.Groups, web.Group{ExternalID: g.ExternalID, Name: g.Name})
	}
	for _, c := range user.Credits {
		person.Credits = append(person.Credits, web.Credit{
			OrderID: c.OrderID, ID: c.ID, Name: c.Name, Consumed: c.Consumed, Parked: c.Parked,
		})
	}
	for key, value := range user.Meta {
		person.Meta[key] = value
	}
	return person, nil
}

func joinNames(first, last string) string {
	if first == "" || last == "" {
		return first + last
	}
	return first + " " + last
}
