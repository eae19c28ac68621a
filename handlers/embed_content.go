package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
)

// ViewContent passes a request of framed content on to where the content comes
// from, and the answer back:
//
//	ANY /embed/:kind/:id/content/:ticket/*path
//
// The ticket stands for the session, as content has no cookies: it runs in an
// origin of its own (see contentPolicy), and nothing of ours is there for it.
func (a *App) ViewContent(c *gin.Context) error {
	v := viewOf(c)
	shareWithContent(c)
	rest, ok := contentPath(c.Request.URL, c.Param("ticket"))
	if !ok {
		return &Fault{Code: NotFound}
	}
	if isPreflight(c.Request) {
		allowContent(c)
		return nil
	}
	ctx, tenant, ticket := c.Request.Context(), siteOf(c).tenant, c.Param("ticket")
	session, to, err := a.contentFor(ctx, tenant, v, ticket)
	if err != nil {
		return err
	}
	Note(c, slog.String("user", session.User), slog.String("integration", session.Integration))
	told, err := a.identity(ctx, tenant, callerOf(session))
	if err != nil {
		return err
	}
	origin := c.Request.Header.Get("Origin")
	hideTicket(c.Request.Header, ticket)
	path, query := addressOf(to, rest, c.Request.URL.RawQuery)
	policy := contentPolicy(v.origins)
	mount := v.contentMount(ticket)
	return a.forward(c, forwarding{
		To: to, Path: path, RawQuery: query, Mount: mount, Identity: told.header(),
		Answer: func(answer *http.Response) error {
			return reframe(answer, policy, mount, origin)
		},
		Still: func(ctx context.Context) error {
			_, _, err := a.contentFor(ctx, tenant, &view{kind: v.kind, id: v.id}, ticket)
			return err
		},
	})
}

// contentFor returns the session of a ticket and where the content of its view
// comes from. A ticket opens the view that it was made for and no other.
func (a *App) contentFor(ctx context.Context, tenant provisioning.Tenant, v *view, ticket string) (sessions.Session, *url.URL, error) {
	session, err := a.Sessions.CheckEmbed(ctx, tenant.ID, sessions.EmbedSecrets{Ticket: ticket})
	if err != nil && !errors.Is(err, sessions.ErrNone) {
		return sessions.Session{}, nil, unavailable(err)
	}
	if err != nil || session.Resource != v.kind+"/"+v.id {
		return sessions.Session{}, nil, &Fault{Code: NoSession}
	}
	owner, err := a.Provisioning.Owner(ctx, tenant, session.Integration)
	if errors.Is(err, provisioning.ErrNotFound) {
		return sessions.Session{}, nil, &Fault{Code: NoSession, Err: err}
	} else if err != nil {
		return sessions.Session{}, nil, err
	}
	v.belongsTo(owner)
	if len(v.origins) == 0 {
		return sessions.Session{}, nil, &Fault{Code: EmbeddingOff}
	}
	who := provisioning.Visitor{IntegrationID: session.Integration, Authorized: session.Authorized}
	resource, err := a.Provisioning.ResourceFor(ctx, tenant, v.kind, v.id, who)
	if errors.Is(err, provisioning.ErrNotFound) {
		return sessions.Session{}, nil, &Fault{Code: NotFound, Err: err}
	} else if err != nil {
		return sessions.Session{}, nil, err
	}
	to, err := a.Provisioning.ContentURL(ctx, tenant, resource)
	if err == nil && to == nil {
		err = &Fault{Code: NotFound} // the resource has a page of ours now
	}
	return session, to, err
}

// contentMount is the path of ours that stands for the content's address.
func (v *view) contentMount(ticket string) string { return v.path() + "/content/" + ticket }

// contentPath is what a request's path has behind the ticket, escaped as it was
// sent; it begins with "/". ok is false for a path that is not spelled as we
// spell it, or that a server could read as one outside of what stands below: with
// dot segments (RFC 3986 §3.3), escaped or not, or a backslash.
func contentPath(u *url.URL, ticket string) (rest string, ok bool) {
	const before = 6 // "", embed, kind, id, content, ticket
	segments := strings.SplitN(u.EscapedPath(), "/", before+1)
	if len(segments) <= before || segments[before-1] != ticket || segments[before-2] != "content" {
		return "", false
	}
	rest = segments[before]
	plain, err := url.PathUnescape(rest)
	if err != nil || strings.ContainsAny(plain, "\\\x00") {
		return "", false
	}
	for segment := range strings.SplitSeq(plain, "/") {
		// A parameter behind a dot segment is cut off by some servers (";").
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return "", false
		}
	}
	return "/" + rest, true
}

// addressOf is the path below the content's address, and the query. The page
// itself is at that very address, whether it ends in a slash or not, and with
// its query; everything else lies below it.
func addressOf(content *url.URL, rest, rawQuery string) (path, query string) {
	if rest != "/" {
		return rest, rawQuery
	}
	if !strings.HasSuffix(content.EscapedPath(), "/") && content.Path != "" {
		rest = ""
	}
	if content.RawQuery == "" || rawQuery == "" {
		return rest, content.RawQuery + rawQuery
	}
	return rest, content.RawQuery + "&" + rawQuery
}

// hideTicket takes out of a request what could tell the upstream the ticket,
// and what a browser says about content that has no origin: a server that
// guards itself against other sites would refuse its own page. The ticket in
// the address does what such a guard is for, as no other site knows it.
func hideTicket(header http.Header, ticket string) {
	for name, values := range header {
		folded := foldedName(name)
		hidden := folded == "referer" || folded == "origin" || strings.HasPrefix(folded, "sec-fetch-")
		if hidden || slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, ticket) }) {
			delete(header, name)
		}
	}
}
