package handlers

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// v1Answer is the answer of V1AccessToken.
type v1Answer struct {
	AccessToken   string  `json:"access_token"` // the JWT itself with response_type=id_token, and then nothing else is there
	TokenType     string  `json:"token_type,omitempty"`
	ExpiresIn     int64   `json:"expires_in,omitempty"` // seconds
	Scope         *string `json:"scope,omitempty"`      // with commas between the names
	RefreshToken  string  `json:"refresh_token,omitempty"`
	IdentityToken string  `json:"id_token,omitempty"`
	Info          *v1Info `json:"info,omitempty"`
}

// v1Info says for whom an access token is: one of the two.
type v1Info struct {
	Username string `json:"username,omitempty"` // the id of the user
	GlobalID string `json:"globalid,omitempty"` // the client id
}

// v1Client finds the client that a request comes from, by its secret.
func (a *App) v1Client(c *gin.Context, parameters url.Values) (tokens.Client, error) {
	credentials, err := readClientCredentials(c.Request.Header, parameters)
	if err != nil {
		return tokens.Client{}, err
	}
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	id, err := a.Tokens.ClientIDAsStored(ctx, tenant, credentials.id)
	if err != nil {
		return tokens.Client{}, err
	}
	client, err := a.Tokens.AuthenticateClient(ctx, tenant, id, credentials.secret)
	if client.ID != "" {
		Note(c, slog.String("oauth_client", client.ID))
	}
	if err != nil {
		return client, connectFault(err)
	}
	return client, a.rateClient(c, client)
}

// V1AccessToken gives an organization, an application or a person's own program
// an access token, or with response_type=id_token a JWT: POST
// /v1/oauth/access_token.
func (a *App) V1AccessToken(c *gin.Context) error {
	parameters, err := v1Parameters(c.Request)
	if err != nil {
		return err
	}
	wish, err := readJWTWish(parameters)
	if err != nil {
		return err
	}
	client, err := a.v1Client(c, parameters)
	if err != nil {
		return err
	}
	issued, err := a.v1Issue(c, client, parameters, wish.Scopes)
	if err != nil {
		return grantFault(err)
	}
	Note(c, slog.String("jti", issued.Access.ID))
	if issued.Grant.ID != "" {
		Note(c, slog.String("grant", issued.Grant.ID), slog.String("user", issued.Grant.User))
	}
	if parameters.Get("response_type") == "id_token" {
		jwt, err := a.Tokens.IssuedJWT(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, issued, wish)
		if err != nil {
			return err
		}
		if prefersJSON(c.Request.Header.Values("Accept")) {
			c.JSON(http.StatusOK, v1Answer{AccessToken: jwt})
			return nil
		}
		answerJWT(c, jwt)
		return nil
	}
	scope := strings.Join(issued.Access.Scopes, ",")
	c.JSON(http.StatusOK, v1Answer{
		AccessToken: issued.Access.Token, TokenType: "bearer", ExpiresIn: int64(issued.Access.Life / time.Second), Scope: &scope,
		RefreshToken: issued.Refresh, IdentityToken: issued.Identity, Info: infoOf(client, issued),
	})
	return nil
}

func infoOf(client tokens.Client, issued tokens.Issued) *v1Info {
	if issued.Grant.ID != "" {
		return &v1Info{Username: issued.Grant.User}
	}
	return &v1Info{GlobalID: client.ClientID}
}

// v1Issue gives out the tokens that grant_type asks for. Clients leave it out
// when they have a code.
func (a *App) v1Issue(c *gin.Context, client tokens.Client, parameters url.Values, scopes []string) (tokens.Issued, error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	grant := parameters.Get("grant_type")
	if grant == "" && parameters.Get("code") != "" {
		grant = tokens.GrantAuthorizationCode
	}
	known := []string{tokens.GrantAuthorizationCode, tokens.GrantClientCredentials, tokens.GrantRefreshToken}
	if slices.Contains(known, grant) {
		noteGrant(c, grant)
	}
	switch {
	case grant == "":
		return tokens.Issued{}, oauthFault(OAuthInvalidRequest, "grant_type is missing: client_credentials, or a code.")
	case !slices.Contains(known, grant):
		return tokens.Issued{}, oauthFault(OAuthUnsupportedGrantType, "grant_type is "+strings.Join(known, ", ")+".")
	case !slices.Contains(client.Grants, grant):
		return tokens.Issued{}, oauthFault(OAuthUnauthorizedClient, "The client may not use this grant_type: an administrator can allow it.")
	}
	client.AccessTokenFormat = tokens.FormatReference
	switch grant {
	case tokens.GrantAuthorizationCode:
		code, err := needed(parameters, "code", "what came back from "+V1AuthorizePath)
		if err != nil {
			return tokens.Issued{}, err
		}
		redirectURI, err := needed(parameters, "redirect_uri", "the one to which the code came back")
		if err != nil {
			return tokens.Issued{}, err
		}
		return a.Tokens.RedeemCode(ctx, tenant, issuer(c), client, code, redirectURI, parameters.Get("code_verifier"))
	case tokens.GrantRefreshToken:
		refresh, err := needed(parameters, "refresh_token", "the one that came with the access token")
		if err != nil {
			return tokens.Issued{}, err
		}
		return a.Tokens.Refresh(ctx, tenant, issuer(c), client, refresh, strings.Join(scopes, " "))
	default:
		return a.Tokens.IssueOwn(ctx, tenant, issuer(c), client, scopes)
	}
}

// answerJWT answers with a JWT and nothing else.
func answerJWT(c *gin.Context, jwt string) {
	c.Data(http.StatusOK, "application/jwt", []byte(jwt))
}
