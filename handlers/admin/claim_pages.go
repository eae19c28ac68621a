package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// claimTypes are the types of custom claims in words.
var claimTypes = []web.Option{
	{Value: tokens.ClaimText, Label: "Text"},
	{Value: tokens.ClaimNumber, Label: "Number"},
	{Value: tokens.ClaimBoolean, Label: "Yes or no"},
	{Value: tokens.ClaimDate, Label: "Date"},
	{Value: tokens.ClaimURL, Label: "Address of a page"},
}

func claimTypeWord(kind string) string {
	for _, option := range claimTypes {
		if option.Value == kind {
			return option.Label
		}
	}
	return kind
}

// ClaimsPage: GET /admin/tokens/claims.
func (a *Admin) ClaimsPage(c *gin.Context) error {
	claims, err := a.Tokens.CustomClaims(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	page := web.Claims{
		Frame: a.tokenFrame(c, "Claims"), Tabs: tokenTabs(c, claimsPath), Write: actorOf(c).May(admins.WriteTokens),
		Standard: tokens.StandardClaims(),
	}
	for _, claim := range claims {
		page.Claims = append(page.Claims, web.ClaimRow{
			Path: claimsPath + "/" + claim.Name, Name: claim.Name, DisplayName: claim.DisplayName,
			Type: claimTypeWord(claim.Type), MetaPath: claim.MetaPath,
		})
	}
	return a.show(c, page)
}

func claimFields(shown, path string, wrong faults) []web.Field {
	return []web.Field{
		wrong.field(web.Field{Name: "display_name", Label: "Display name", Value: shown, Hint: "What people read above the field when a client requires it; the name when empty."}),
		wrong.field(web.Field{
			Name: "meta_path", Label: "Path in meta", Value: path,
			Hint: "Where partners’ tokens have the value: names of members with dots between, such as address.city. Empty: it is only entered.",
		}),
	}
}

// AddClaimPage: GET /admin/tokens/new-claim.
func (a *Admin) AddClaimPage(c *gin.Context) error {
	return a.newClaim(c, http.StatusOK, tokens.NewCustomClaim{Type: tokens.ClaimText}, nil)
}

func (a *Admin) newClaim(c *gin.Context, status int, wish tokens.NewCustomClaim, wrong faults) error {
	kind := web.Field{Name: "type", Label: "Type", Type: "select", Options: append([]web.Option{}, claimTypes...), Hint: "It stays."}
	choose(&kind, wish.Type)
	fields := []web.Field{
		wrong.field(web.Field{
			Name: "name", Label: "Name", Value: wish.Name, Required: true,
			Hint: "Lower-case letters, digits and underscores, a letter first. Tokens call it so, and it stays.",
		}),
		wrong.field(kind),
	}
	return a.showAs(c, status, web.NewClaim{
		Frame: a.tokenFrame(c, "New claim"), Tabs: tokenTabs(c, claimsPath),
		Fields: append(fields, claimFields(wish.DisplayName, wish.MetaPath, wrong)...),
	})
}

// AddClaimForm: POST /admin/tokens/claims.
func (a *Admin) AddClaimForm(c *gin.Context) error {
	wish := tokens.NewCustomClaim{
		Name: c.PostForm("name"), DisplayName: c.PostForm("display_name"), Type: c.PostForm("type"),
		MetaPath: strings.TrimSpace(c.PostForm("meta_path")),
	}
	claim, err := a.Tokens.AddCustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, wish, by(c))
	wrong, ok := faultsOf(err)
	if errors.Is(err, tokens.ErrTaken) {
		wrong, ok = faults{"name": "There is a claim with this name already."}, true
	}
	if ok {
		return a.newClaim(c, http.StatusUnprocessableEntity, wish, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, claimsPath+"/"+claim.Name+"?done=claim_added")
	return nil
}

// ClaimPage: GET /admin/tokens/claims/:claim.
func (a *Admin) ClaimPage(c *gin.Context) error {
	return a.showClaimPage(c, http.StatusOK, "", nil, nil)
}

// showClaimPage shows a custom claim; sent is the form as it was sent, nil = as
// stored.
func (a *Admin) showClaimPage(c *gin.Context, status int, fault string, sent *tokens.CustomClaim, wrong faults) error {
	claim, err := a.Tokens.CustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"))
	if err != nil {
		return explain(err)
	}
	form := claim
	if sent != nil {
		form = *sent
	}
	return a.showAs(c, status, web.ClaimPage{
		Frame: a.tokenFrame(c, claim.Name), Tabs: tokenTabs(c, claimsPath), Write: actorOf(c).May(admins.WriteTokens),
		Path: claimsPath + "/" + claim.Name, DisplayName: claim.DisplayName, Type: claimTypeWord(claim.Type), MetaPath: claim.MetaPath,
		CreatedAt: claim.CreatedAt, Revision: claim.Revision, Fault: fault, Fields: claimFields(form.DisplayName, form.MetaPath, wrong),
	})
}

// ChangeClaimForm: POST /admin/tokens/claims/:claim.
func (a *Admin) ChangeClaimForm(c *gin.Context) error {
	shown, path := c.PostForm("display_name"), strings.TrimSpace(c.PostForm("meta_path"))
	if strings.TrimSpace(shown) == "" {
		shown = c.Param("claim")
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	claim, err := a.Tokens.ChangeCustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"),
		tokens.CustomClaimSettings{DisplayName: &shown, MetaPath: &path}, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showClaimPage(c, http.StatusConflict, changedFault, nil, nil)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showClaimPage(c, http.StatusUnprocessableEntity, "", &tokens.CustomClaim{DisplayName: shown, MetaPath: path}, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, claimsPath+"/"+claim.Name+"?done=saved")
	return nil
}

// DeleteClaimPage: GET /admin/tokens/claims/:claim/delete.
func (a *Admin) DeleteClaimPage(c *gin.Context) error {
	return a.showClaimLoss(c, http.StatusOK, "", "")
}

func (a *Admin) showClaimLoss(c *gin.Context, status int, fault, confirmFault string) error {
	loss, err := a.Tokens.ClaimLoss(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"))
	if err != nil {
		return explain(err)
	}
	claim := loss.Claim
	page := web.TokenRemoval{
		Frame: a.tokenFrame(c, "Delete the claim "+claim.Name), Tabs: tokenTabs(c, claimsPath), Path: claimsPath + "/" + claim.Name,
		Back: claim.Name, Effects: []string{"No client is told " + claim.Name + " from then on."}, Submit: "Delete the claim",
		Revision: claim.Revision, Fault: fault, Confirm: web.Confirm{Word: claim.Name, Fault: confirmFault},
	}
	if loss.Values > 0 {
		page.Effects = append(page.Effects, "What was entered for people is deleted.")
	}
	for _, scope := range loss.Scopes {
		page.Effects = append(page.Effects, "The identity scope "+scope.Name+" loses it.")
	}
	for _, k := range loss.Clients {
		page.Effects = append(page.Effects, "The client "+k.ClientID+" does not require it any more.")
	}
	if loss.More {
		page.Effects = append(page.Effects, "So do other clients.")
	}
	return a.showAs(c, status, page)
}

// DeleteClaimForm: POST /admin/tokens/claims/:claim/delete.
func (a *Admin) DeleteClaimForm(c *gin.Context) error {
	if fault := confirmed(c, c.Param("claim")); fault != "" {
		return a.showClaimLoss(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err := a.Tokens.DeleteCustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"), who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showClaimLoss(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, claimsPath+"?done=claim_deleted")
	return nil
}
