package admin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// jwtForm is the form as it was filled in.
type jwtForm struct{ client, user, scope, audience, validity string }

func sentJWT(c *gin.Context) jwtForm {
	return jwtForm{
		client: strings.TrimSpace(c.PostForm("client_id")), user: strings.TrimSpace(c.PostForm("user")),
		scope: c.PostForm("scope"), audience: c.PostForm("aud"), validity: strings.TrimSpace(c.PostForm("validity")),
	}
}

func (f jwtForm) fields(wrong faults) []web.Field {
	fields := []web.Field{
		{
			Name: "client_id", Label: "Client or organization", Value: f.client, Required: true, Autocomplete: "off",
			Hint: "The client id, or the global id of an organization.",
		},
		{
			Name: "user", Label: "User", Value: f.user, Autocomplete: "off",
			Hint: "E-mail address or id. Empty: the client or organization speaks for itself.",
		},
		{
			Name: "scope", Label: "Scope", Value: f.scope, Autocomplete: "off",
			Hint: "Names with commas between them, such as memberof:acme. Empty: none.",
		},
		{
			Name: "aud", Label: "Audience", Value: f.audience, Autocomplete: "off",
			Hint: "For whom else it is, beside the client: names with commas between them.",
		},
		{
			Name: "validity", Label: "Good for (seconds)", Type: "number", Value: f.validity, Required: true,
			Hint: "1 to " + strconv.Itoa(int(tokens.MaxJWTLife/time.Second)) + ".",
		},
	}
	wrong.mark(fields)
	return fields
}

// JWTPage: GET /admin/tokens/jwt, with ?client_id= to begin with.
func (a *Admin) JWTPage(c *gin.Context) error {
	return a.showJWTForm(c, http.StatusOK, jwtForm{
		client: c.Query("client_id"), validity: strconv.Itoa(int(tokens.DefaultJWTLife / time.Second)),
	}, nil)
}

func (a *Admin) showJWTForm(c *gin.Context, status int, form jwtForm, wrong faults) error {
	return a.showAs(c, status, web.JWTForm{
		Frame: a.tokenFrame(c, "Generate a JWT"), Tabs: tokenTabs(c, jwtPath), Once: formToken(c), Fields: form.fields(wrong),
	})
}

// GenerateJWTForm: POST /admin/tokens/jwt. It asks once more unless that was
// done in a dialog. The answer itself shows the JWT.
func (a *Admin) GenerateJWTForm(c *gin.Context) error {
	form := sentJWT(c)
	switch c.PostForm("confirmed") {
	case "yes":
	case "no":
		return a.showJWTForm(c, http.StatusOK, form, nil)
	default:
		return a.show(c, web.JWTConfirmation{
			Frame: a.tokenFrame(c, "Generate this JWT?"), Tabs: tokenTabs(c, jwtPath), Once: formToken(c), Fields: form.fields(nil),
		})
	}
	wish := tokens.JWTFor{ClientID: form.client, User: form.user, Scope: form.scope, Audience: form.audience, Validity: spanOf(wholeNumber(form.validity))}
	signed, err := a.generateJWT(c, wish)
	if wrong, ok := faultsOf(err); ok {
		return a.showJWTForm(c, http.StatusUnprocessableEntity, form, wrong)
	}
	if err != nil {
		return explain(err)
	}
	a.made(c, jwtPath+"?done=jwt_made_before")
	return a.showJWT(c, signed)
}

// showJWT answers with a JWT: there is no address under which it could be seen
// again.
func (a *Admin) showJWT(c *gin.Context, signed string) error {
	decoded, err := decodeJWT(signed)
	if err != nil {
		return err
	}
	said := decoded.said
	page := web.JWTMade{
		Frame: a.tokenFrame(c, "The JWT is made"), Tabs: tokenTabs(c, jwtPath), Token: signed,
		Header: indented(string(decoded.header)), Claims: indented(string(decoded.claims)),
		Who: said.GlobalID, ClientID: said.Party, Scopes: said.Scope, Audience: said.Audience,
		IssuedAt: time.Unix(said.IssuedAt, 0), Ends: time.Unix(said.Expires, 0),
	}
	if said.Username != "" {
		page.Who, page.User = said.Username, true
		if actorOf(c).May(admins.ReadUsers) {
			page.UserPath = userPath(said.Username)
		}
	}
	c.Header("Cache-Control", "no-store")
	return a.show(c, page)
}
