package admin

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// addClaims shows what the custom claims say of a user.
func (a *Admin) addClaims(c *gin.Context, user string, page *web.User) error {
	claims, _, err := a.Tokens.PersonClaims(c.Request.Context(), handlers.TenantOf(c).ID, user)
	if err != nil {
		return explain(err)
	}
	for _, one := range claims {
		page.Claims = append(page.Claims, web.UserClaim{
			Path: userClaimPath(user, one.Claim.Name), Name: one.Claim.Name, DisplayName: one.Claim.DisplayName,
			Value: claimText(one.Value), Source: claimSources[one.Source],
		})
	}
	return nil
}

// userClaimPath is the page of one claim of a user.
func userClaimPath(user, claim string) string { return userPath(user) + "/claims/" + claim }

// UserClaimPage: GET /admin/users/:id/claims/:claim.
func (a *Admin) UserClaimPage(c *gin.Context) error {
	return a.showUserClaim(c, http.StatusOK, "", nil, nil)
}

// showUserClaim shows one claim of a user; sent is the value as it was sent, nil
// = as stored.
func (a *Admin) showUserClaim(c *gin.Context, status int, fault string, sent *string, wrong faults) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	claims, version, err := a.Tokens.PersonClaims(c.Request.Context(), handlers.TenantOf(c).ID, profile.ID)
	if err != nil {
		return explain(err)
	}
	i := slices.IndexFunc(claims, func(one tokens.PersonClaim) bool { return one.Claim.Name == c.Param("claim") })
	if i < 0 {
		return &handlers.Fault{Code: handlers.NotFound}
	}
	one := claims[i]
	value := claimText(one.Entered)
	if sent != nil {
		value = *sent
	}
	page := web.UserClaimPage{
		Frame: a.frame(c, usersPath, one.Claim.DisplayName+" of "+nameOf(profile)), UserHead: headOf(profile),
		Path: userClaimPath(profile.ID, one.Claim.Name), Claim: one.Claim.Name, Revision: version, Fault: fault,
		Entered: one.Entered != nil, Field: wrong.field(valueField(one.Claim, value)),
	}
	if one.Source == tokens.FromMeta {
		page.OfMeta, page.MetaPath = claimText(one.Value), one.Claim.MetaPath
	}
	return a.showAs(c, status, page)
}

// valueField is a field for a value of a custom claim.
func valueField(claim tokens.CustomClaim, value string) web.Field {
	field := web.Field{Name: "value", Label: claim.DisplayName, Value: value, Type: claim.Type, Required: true}
	switch claim.Type {
	case tokens.ClaimText:
		field.Type = "text"
	case tokens.ClaimNumber, tokens.ClaimDate:
		// As text: browsers' own fields would write it in another way.
		field.Type = "text"
		field.Hint = map[string]string{tokens.ClaimNumber: "Such as 12 or 3.5.", tokens.ClaimDate: "As YYYY-MM-DD."}[claim.Type]
	case tokens.ClaimBoolean:
		field.Type, field.Options = "select", []web.Option{{Value: "", Label: "Choose"}, {Value: "true", Label: "Yes"}, {Value: "false", Label: "No"}}
		choose(&field, value)
	}
	return field
}

// SetUserClaimForm: POST /admin/users/:id/claims/:claim.
func (a *Admin) SetUserClaimForm(c *gin.Context) error {
	value := c.PostForm("value")
	return a.changeUserClaim(c, &value, func(who tokens.By) error {
		return a.Tokens.SetClaimText(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("claim"), value, who)
	})
}

// DropUserClaimForm: POST /admin/users/:id/claims/:claim/remove.
func (a *Admin) DropUserClaimForm(c *gin.Context) error {
	return a.changeUserClaim(c, nil, func(who tokens.By) error {
		return a.Tokens.DropClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("claim"), who)
	})
}

func (a *Admin) changeUserClaim(c *gin.Context, sent *string, change func(tokens.By) error) error {
	who := by(c)
	who.IfMatch = revisionOf(c)
	err := change(who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showUserClaim(c, http.StatusConflict, changedFault, nil, nil)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showUserClaim(c, http.StatusUnprocessableEntity, "", sent, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, userPath(c.Param("id"))+"?done=saved#claims")
	return nil
}
