package admin

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/web"
)

// sections are the entries of the navigation. Each is shown to those who may
// open it.
var sections = []struct {
	label, path string
	scope       admins.Scope
}{
	{"Overview", homePath, admins.ReadLog},
	{"Integrations", integrationsPath, admins.ReadIntegrations},
	{"Sign-in log", signInsPath, admins.ReadLog},
	{"Link doctor", doctorPath, admins.ReadLog},
	{"Link builder", builderPath, admins.WriteIntegrations},
	{"Users", usersPath, admins.ReadUsers},
	{"Groups", groupsPath, admins.ReadCatalog},
	{"Credits", creditsPath, admins.ReadCatalog},
	{"Resources", resourcesPath, admins.ReadCatalog},
	{"Tokens and clients", tokenPages[0].path, admins.ReadTokens},
	{"Webhooks", webhooksPath, admins.ReadWebhooks},
	{"Alerts", alertsPath, admins.ReadLog},
	{"Jobs", jobsPath, admins.ReadLog},
	{"Audit log", auditPath, admins.ReadAudit},
	{"Settings", settingsPath, admins.ReadSettings},
}

// notices are what is said after an act, by the code in ?done=. The codes are
// ours alone: a link from elsewhere cannot put words into a page.
var notices = map[string]string{
	"saved": "Saved.",

	"integration_changed":    "The settings are saved. They count for the next link.",
	"integration_signed_out": "Every session of this integration has ended.",
	"key_retired":            "The key is retired: links signed with it are refused.",
	"key_expires":            "The key will retire by itself. Until then you can keep it after all.",
	"key_kept":               "The key stays.",
	"installed_with_set":     "Installed. Links signed with the keys below are good.",
	"key_set_read":           "The keys at the JWKS URL have been read.",
	"key_set_empty":          "The JWKS URL has been read, and no key there can be used.",
	"key_set_failed":         "The keys at the JWKS URL could not be read. Those read before stay good for a day.",
	"group_created":          "The group exists now. People whose links name it get it with their next sign-in.",
	"credit_created":         "The credit exists now, and those kept for it have taken effect.",

	"user_disabled":     "Disabled. Every session has ended, and no link signs the person in.",
	"user_enabled":      "Enabled. Links sign the person in again.",
	"user_signed_out":   "Signed out everywhere.",
	"user_erased":       "Erased. Nothing personal is left.",
	"users_merged":      "Merged. Both ways in lead here now.",
	"session_ended":     "The session has ended.",
	"application_ended": "Taken away. Its tokens for this user are dead, and it has to ask again.",
	"sign_in_undone":    "Undone. The journal of the person says what.",

	"group_added":   "The group is made.",
	"group_deleted": "The group is deleted.",
	"member_in":     "The membership is saved.",
	"member_out":    "The membership given by hand is taken away.",
	"credit_added":  "The credit is added. Grants that waited for it have taken effect.",

	"resource_added":   "The resource is made. Below is how to embed it.",
	"resource_deleted": "The resource is deleted.",

	"organization_deleted": "The organization is deleted.",
	"organization_in":      "The membership is saved. It counts for the next token.",
	"organization_out":     "The membership is taken away. It counts for the next token.",

	"client_made":        "The client is made. Below is what its configuration needs.",
	"client_deleted":     "The client is deleted.",
	"connection_deleted": "The API connection is deleted.",
	"scope_added":        "The scope is added. Clients can be allowed it now.",
	"scope_deleted":      "The scope is deleted.",
	"secret_retired":     "The secret is retired: it is refused.",
	"secret_expires":     "The secret will end by itself. Until then you can keep it after all.",
	"secret_kept":        "The secret stays.",
	"secret_made_before": "This form has been sent before, and this is what it made. The secret was shown once; if nobody has it, make another one.",

	"identity_scope_added":   "The identity scope is made. Clients can be allowed it now.",
	"identity_scope_deleted": "The identity scope is deleted.",
	"claim_added":            "The claim is made. Identity scopes can have it now, and clients can require it.",
	"claim_deleted":          "The claim is deleted.",

	"jwt_made_before": "This form has been sent before, and it made a JWT, which was shown once. If nobody has it, generate another one.",

	"key_waits":   "A new key is made. It stands in the JWKS already and takes over in an hour.",
	"key_rotated": "A new key signs from now on. Every earlier one for the algorithm is destroyed, and what it has signed is invalid.",

	"webhook_tested":  "A test event is on its way. Load this page again to see what came of it.",
	"webhook_resent":  "It is sent again.",
	"webhook_deleted": "The endpoint is deleted.",

	"alert_decided": "Done.",
	"job_cancelled": "Cancelled. What was done until then stays.",

	"installed_before":      "This form has been sent before, and this is what it made. The secret was shown once; if nobody has it, add a key.",
	"key_added_before":      "This form has been sent before, and its key is in the list. The secret was shown once; if nobody has it, add another key.",
	"form_sent":             "This form has been sent before. What it made is in this list.",
	"tenant_added":          "The tenant is added.",
	"administrator_removed": "Removed. Every session of the account has ended.",
	"api_key_changed":       "Saved. It counts from the key's next request.",
	"api_key_revoked":       "Revoked. The key is refused from now on.",

	"scim_changed":           "Saved. It counts for what the directory writes from now on.",
	"scim_token_revoked":     "Revoked. The token is refused from now on.",
	"scim_token_made_before": "This form has been sent before, and its token is in the list. It was shown once; if nobody has it, make another one.",

	"password_changed": "Your password is changed. You are signed out everywhere else.",
	"sessions_ended":   "You are signed out everywhere else.",
	"passkey_added":    "The passkey is added. Next time you can sign in with it.",
	"passkey_removed":  "The passkey is removed. Remove it from your device as well.",
}

// frame is what surrounds a page. section is the path of the navigation's
// current entry.
func (a *Admin) frame(c *gin.Context, section, title string) web.Frame {
	actor := actorOf(c)
	f := web.Frame{
		Title: title, Tenant: handlers.TenantOf(c).Name, Actor: actor.Name, Role: string(actor.Role),
		Notice: notices[c.Query("done")],
	}
	for _, s := range sections {
		if actor.May(s.scope) {
			f.Nav = append(f.Nav, web.NavItem{Label: s.label, Path: s.path, Current: s.path == section})
		}
	}
	return f
}

// show answers with a page.
func (a *Admin) show(c *gin.Context, page web.Page) error { return a.showAs(c, http.StatusOK, page) }

// showAs is show with another status: a form that was not accepted is shown
// again with 422 and what is wrong.
func (a *Admin) showAs(c *gin.Context, status int, page web.Page) error {
	var html bytes.Buffer
	if err := a.Pages.Render(&html, page); err != nil {
		return fmt.Errorf("rendering a page: %w", err)
	}
	c.Data(status, "text/html; charset=utf-8", html.Bytes())
	return nil
}
