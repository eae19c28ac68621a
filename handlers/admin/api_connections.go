package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

type apiScopeAnswer struct {
	Name        string    `json:"name"`
	DisplayName string    `json:"display_name"`
	CreatedAt   time.Time `json:"created_at"`
}

// connectionAnswer is an API connection in the API.
type connectionAnswer struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	DisplayName string           `json:"display_name"`
	Rate        *int64           `json:"rate"` // requests a second; null = as the server says, 0 = any number
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
	Scopes      []apiScopeAnswer `json:"scopes,omitempty"`  // not in lists
	Secrets     []*secretAnswer  `json:"secrets,omitempty"` // not in lists
	Secret      string           `json:"secret,omitempty"`  // only in the answer that makes it
}

func answerConnection(n tokens.Connection) connectionAnswer {
	answer := connectionAnswer{
		ID: n.ID, Name: n.Name, DisplayName: n.DisplayName, Rate: rateAnswer(n.Rate), CreatedAt: n.CreatedAt.UTC(), UpdatedAt: n.UpdatedAt.UTC(),
	}
	for _, scope := range n.Scopes {
		answer.Scopes = append(answer.Scopes, apiScopeAnswer{scope.Name, scope.DisplayName, scope.CreatedAt.UTC()})
	}
	return answer
}

// showConnection answers with one API connection, its secrets and, once, a new
// secret.
func (a *Admin) showConnection(c *gin.Context, status int, n tokens.Connection, secret string) error {
	answer := answerConnection(n)
	secrets, err := a.Tokens.Secrets(c.Request.Context(), handlers.TenantOf(c).ID, tokens.OfConnection, n.ID)
	if err != nil {
		return explain(err)
	}
	answer.Secrets, answer.Secret = a.answerSecrets(secrets), secret
	setETag(c, n.Revision)
	c.JSON(status, answer)
	return nil
}

// AddConnection: POST /admin/api/v1/api-connections. The secret is shown this
// once.
func (a *Admin) AddConnection(c *gin.Context) error {
	var body struct {
		Name        string        `json:"name"`
		DisplayName string        `json:"display_name"`
		Rate        given[*int64] `json:"rate"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	n, secret, err := a.Tokens.AddConnection(c.Request.Context(), handlers.TenantOf(c).ID,
		tokens.NewConnection{Name: body.Name, DisplayName: body.DisplayName, Rate: rateGiven(body.Rate)}, by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Location", apiRoot+"/api-connections/"+n.ID)
	return a.showConnection(c, http.StatusCreated, n, secret)
}

// Connections: GET /admin/api/v1/api-connections?after=. "next" is the next
// page's after; null on the last one.
func (a *Admin) Connections(c *gin.Context) error {
	connections, next, err := a.Tokens.Connections(c.Request.Context(), handlers.TenantOf(c).ID, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []connectionAnswer{}
	for _, n := range connections {
		answers = append(answers, answerConnection(n))
	}
	return list(c, "api_connections", answers, next)
}

// Connection: GET /admin/api/v1/api-connections/:id.
func (a *Admin) Connection(c *gin.Context) error {
	n, err := a.Tokens.Connection(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return a.showConnection(c, http.StatusOK, n, "")
}

// ChangeConnection: PATCH /admin/api/v1/api-connections/:id.
func (a *Admin) ChangeConnection(c *gin.Context) error {
	var body struct {
		DisplayName given[string] `json:"display_name"`
		Rate        given[*int64] `json:"rate"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	n, err := a.Tokens.ChangeConnection(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"),
		tokens.ConnectionSettings{DisplayName: body.DisplayName.pointer(), Rate: rateGiven(body.Rate)}, by(c))
	if err != nil {
		return explain(err)
	}
	return a.showConnection(c, http.StatusOK, n, "")
}

// RenameScope: PATCH /admin/api/v1/api-connections/:id/scopes/:scope.
func (a *Admin) RenameScope(c *gin.Context) error {
	var body struct {
		DisplayName string `json:"display_name"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	n, err := a.Tokens.RenameScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("scope"), body.DisplayName, by(c))
	if err != nil {
		return explain(err)
	}
	return a.showConnection(c, http.StatusOK, n, "")
}

// AddScope: POST /admin/api/v1/api-connections/:id/scopes.
func (a *Admin) AddScope(c *gin.Context) error {
	var body struct {
		Name        string `json:"name"`
		DisplayName string `json:"display_name"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	n, err := a.Tokens.AddScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), body.Name, body.DisplayName, by(c))
	if err != nil {
		return explain(err)
	}
	return a.showConnection(c, http.StatusCreated, n, "")
}

// DeleteScope: DELETE /admin/api/v1/api-connections/:id/scopes/:scope.
func (a *Admin) DeleteScope(c *gin.Context) error {
	err := a.Tokens.DeleteScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("scope"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// DeleteConnection: DELETE /admin/api/v1/api-connections/:id.
func (a *Admin) DeleteConnection(c *gin.Context) error {
	if err := a.Tokens.DeleteConnection(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}

// deletionAnswer is what the deletion of an API connection or a scope will do.
type deletionAnswer struct {
	Scopes  []string         `json:"scopes"`  // that will be gone
	Clients []deletionClient `json:"clients"` // that may ask for one of them
	More    bool             `json:"more"`    // there are more clients
}

type deletionClient struct {
	ID       string `json:"id"`
	ClientID string `json:"client_id"`
	Name     string `json:"name"`
}

// PreviewDeletion: GET /admin/api/v1/api-connections/:id/deletion?scope=. Without
// scope it is about the connection itself.
func (a *Admin) PreviewDeletion(c *gin.Context) error {
	d, err := a.Tokens.Deletion(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Query("scope"))
	if err != nil {
		return explain(err)
	}
	answer := deletionAnswer{Scopes: d.Scopes, Clients: []deletionClient{}, More: d.More}
	for _, k := range d.Clients {
		answer.Clients = append(answer.Clients, deletionClient{k.ID, k.ClientID, k.Name})
	}
	c.JSON(http.StatusOK, answer)
	return nil
}
