package admin

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// stranger says who acts on a page that nobody is signed in for: the service
// puts the account in once it knows it.
func stranger(c *gin.Context) provisioning.By {
	return provisioning.By{Reference: handlers.RequestID(c.Request.Context())}
}

// client is the browser of a request.
func client(c *gin.Context) admins.Client {
	return admins.Client{UserAgent: c.Request.UserAgent(), IP: c.ClientIP(), Cookie: admins.ReadCookie(c.Request)}
}

// nextPath returns where to go on after a sign-in: a path of the admin, or
// its first page for everything else.
func nextPath(text string) string {
	if len(text) > 2048 || text != homePath && !strings.HasPrefix(text, "/admin/") && !strings.HasPrefix(text, "/admin?") {
		return homePath
	}
	for i := range len(text) {
		// What browsers skip or turn round (tab, backslash) leads elsewhere.
		if text[i] <= ' ' || text[i] > '~' || text[i] == '\\' {
			return homePath
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/.") ||
		strings.HasPrefix(u.Path, "/admin/api/") || strings.HasPrefix(u.Path, signInPath) {
		return homePath
	}
	return text
}

// nextPage is nextPath for a page that there is: what answers to posts only, or
// not at all, becomes the first page.
func (a *Admin) nextPage(text string) string {
	next := nextPath(text)
	u, err := url.Parse(next)
	if err != nil || !slices.ContainsFunc(a.pages, func(pattern string) bool { return matches(pattern, u.Path) }) {
		return homePath
	}
	return next
}

// matches reports whether a route's pattern, with :names for one segment each,
// is that of path.
func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, ":") && got != ""
	})
}

// SignInPage: GET /admin/sign-in?next=. Who is signed in already goes on.
func (a *Admin) SignInPage(c *gin.Context) error {
	next := a.nextPage(c.Query("next"))
	if _, err := a.signedIn(c); err == nil {
		seeOther(c, next)
		return nil
	}
	page, err := a.signInPage(c, next)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

func (a *Admin) signInPage(c *gin.Context, next string) (web.AdminSignIn, error) {
	nobody, err := a.Admins.Ownerless(c.Request.Context(), handlers.TenantOf(c))
	return web.AdminSignIn{
		Frame: a.frame(c, "", "Sign in"), Next: next, Nobody: nobody, Provider: a.Admins.Provider(),
		Email:    web.Field{Name: "email", Label: "E-mail address", Type: "email", Autocomplete: "username", Required: true},
		Password: web.Field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password", Required: true},
	}, err
}

// SignIn: POST /admin/sign-in.
func (a *Admin) SignIn(c *gin.Context) error {
	next, email := a.nextPage(c.PostForm("next")), c.PostForm("email")
	cookie, err := a.Admins.SignIn(c.Request.Context(), handlers.TenantOf(c), email, c.PostForm("password"), client(c), stranger(c))
	if err == nil {
		return a.welcome(c, cookie, next)
	}
	return a.notSignedIn(c, err, next, email)
}

// welcome gives the browser its session.
func (a *Admin) welcome(c *gin.Context, cookie, next string) error {
	http.SetCookie(c.Writer, admins.NewCookie(cookie))
	seeOther(c, next)
	return nil
}

// notSignedIn shows the sign-in page again.
func (a *Admin) notSignedIn(c *gin.Context, err error, next, email string) error {
	status, text := http.StatusUnprocessableEntity, "The address and the password do not belong together, or the account is switched off."
	if many, ok := errors.AsType[*admins.TooMany](err); ok {
		status, text = http.StatusTooManyRequests, tryAgain(many)
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(many.Wait.Seconds()))))
	} else if !errors.Is(err, admins.ErrWrong) {
		return explain(err)
	}
	page, err := a.signInPage(c, next)
	if err != nil {
		return err
	}
	page.Fault = text
	if len(email) <= 254 {
		page.Email.Value = email
	}
	return a.showAs(c, status, page)
}

// tryAgain says when to try again.
func tryAgain(many *admins.TooMany) string {
	wait := "a minute"
	if many.Wait > time.Minute {
		wait = strconv.Itoa(int(math.Ceil(many.Wait.Minutes()))) + " minutes"
	}
	return "Too many attempts. Try again in " + wait + "."
}

// SignOut: POST /admin/sign-out.
func (a *Admin) SignOut(c *gin.Context) error {
	if err := a.Admins.SignOut(c.Request.Context(), handlers.TenantOf(c), admins.ReadCookie(c.Request)); err != nil {
		return err
	}
	http.SetCookie(c.Writer, admins.ClearCookie())
	seeOther(c, signInPath)
	return nil
}

// Enrol: GET /admin/setup?token= and GET /admin/join?token=. It changes
// nothing: whoever looks at a link before the person does leaves it good.
func (a *Admin) Enrol(c *gin.Context) error {
	kind, account, err := a.Admins.ReadLink(c.Request.Context(), handlers.TenantOf(c), c.Query("token"))
	if errors.Is(err, admins.ErrNotFound) {
		return a.deadLink(c)
	} else if err != nil {
		return err
	}
	return a.show(c, a.enrolPage(c, kind, account, c.Query("token")))
}

func (a *Admin) deadLink(c *gin.Context) error {
	return a.showAs(c, http.StatusNotFound, web.AdminDeadLink{Frame: a.frame(c, "", "This link is not good any more")})
}

func (a *Admin) enrolPage(c *gin.Context, kind admins.LinkKind, account admins.Account, token string) web.AdminEnrol {
	page := web.AdminEnrol{Kind: string(kind), Token: token, Account: account.Email, Action: joinPath}
	name := web.Field{Name: "name", Label: "Your name", Value: account.Name, Autocomplete: "name", Required: true}
	password := web.Field{
		Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password", Required: true,
		Hint: "At least 12 characters. Some words in a row that have nothing to do with each other are good.",
	}
	switch kind {
	case admins.LinkSetup:
		page.Frame, page.Action = a.frame(c, "", "Set up the admin"), setupPath
		page.Fields = []web.Field{
			name, {Name: "email", Label: "Your e-mail address", Type: "email", Autocomplete: "username", Required: true}, password,
		}
	case admins.LinkInvite:
		page.Frame = a.frame(c, "", "Welcome")
		page.Fields = []web.Field{name, password}
	case admins.LinkReset:
		page.Frame = a.frame(c, "", "Choose a new password")
		password.Label = "New password"
		page.Fields = []web.Field{password}
	}
	return page
}

// Setup: POST /admin/setup.
func (a *Admin) Setup(c *gin.Context) error {
	wish := admins.NewAccount{Email: c.PostForm("email"), Name: c.PostForm("name")}
	cookie, err := a.Admins.Setup(c.Request.Context(), handlers.TenantOf(c), c.PostForm("token"), wish,
		c.PostForm("password"), client(c), stranger(c))
	return a.enrolled(c, cookie, err)
}

// Join: POST /admin/join.
func (a *Admin) Join(c *gin.Context) error {
	cookie, err := a.Admins.Accept(c.Request.Context(), handlers.TenantOf(c), c.PostForm("token"), c.PostForm("name"),
		c.PostForm("password"), client(c), stranger(c))
	return a.enrolled(c, cookie, err)
}

// enrolled answers the form of a one-time link: with the admin, or with the
// form again.
func (a *Admin) enrolled(c *gin.Context, cookie string, err error) error {
	if err == nil {
		return a.welcome(c, cookie, homePath)
	}
	if errors.Is(err, admins.ErrNotFound) {
		return a.deadLink(c)
	}
	found, ok := faultsOf(err)
	if !ok {
		return explain(err)
	}
	kind, account, err := a.Admins.ReadLink(c.Request.Context(), handlers.TenantOf(c), c.PostForm("token"))
	if errors.Is(err, admins.ErrNotFound) {
		return a.deadLink(c)
	} else if err != nil {
		return err
	}
	page := a.enrolPage(c, kind, account, c.PostForm("token"))
	for i := range page.Fields {
		if f := &page.Fields[i]; f.Type != "password" {
			f.Value = c.PostForm(f.Name)
		}
	}
	found.mark(page.Fields)
	return a.showAs(c, http.StatusUnprocessableEntity, page)
}
