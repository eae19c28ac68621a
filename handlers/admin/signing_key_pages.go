package admin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// SigningKeysPage: GET /admin/tokens/signing-keys?before=.
func (a *Admin) SigningKeysPage(c *gin.Context) error {
	keys, next, err := a.signingKeys(c, pageRows)
	if err != nil {
		return err
	}
	page := web.SigningKeys{
		Frame: a.tokenFrame(c, "Signing keys"), Tabs: tokenTabs(c, signingKeysPath), Write: actorOf(c).May(admins.WriteTokens),
		Pager: pagerBy(c, signingKeysPath, "before", cursor(next)),
	}
	for _, k := range keys {
		page.Keys = append(page.Keys, web.SigningKey{
			ID: k.ID, Algorithm: k.Algorithm, State: string(k.State), ActiveAt: k.ActiveAt, RetiredAt: k.RetiredAt, GoneAt: k.GoneAt,
		})
	}
	return a.show(c, page)
}

// rotateWord has to be typed before every token of an algorithm becomes invalid.
const rotateWord = "rotate now"

// RotateSigningKeyPage: GET /admin/tokens/signing-keys/rotate.
func (a *Admin) RotateSigningKeyPage(c *gin.Context) error {
	return a.showRotation(c, http.StatusOK, tokens.ES256, "", "", nil)
}

func (a *Admin) showRotation(c *gin.Context, status int, algorithm, fault, confirmFault string, wrong faults) error {
	choice := web.Field{Name: "algorithm", Label: "Algorithm", Type: "select"}
	for _, one := range tokens.Algorithms() {
		choice.Options = append(choice.Options, web.Option{Value: one, Label: one})
	}
	choose(&choice, algorithm)
	atOnce := choice
	atOnce.Form = "now"
	return a.showAs(c, status, web.KeyRotation{
		Frame: a.tokenFrame(c, "Rotate a signing key"), Fault: fault,
		Planned: wrong.field(choice), AtOnce: atOnce, Confirm: web.Confirm{Word: rotateWord, Fault: confirmFault},
	})
}

// RotateSigningKeyForm: POST /admin/tokens/signing-keys/rotate with algorithm,
// and for a rotation at once now and the typed word.
func (a *Admin) RotateSigningKeyForm(c *gin.Context) error {
	algorithm, now := c.PostForm("algorithm"), c.PostForm("now") != ""
	if now {
		if fault := confirmed(c, rotateWord); fault != "" {
			return a.showRotation(c, http.StatusUnprocessableEntity, algorithm, "", fault, nil)
		}
	}
	_, err := a.rotate(c, algorithm, now)
	if errors.Is(err, tokens.ErrKeyWaits) {
		return a.showRotation(c, http.StatusConflict, algorithm, keyWaitsFault, "", nil)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showRotation(c, http.StatusUnprocessableEntity, algorithm, "", "", wrong)
	}
	if err != nil {
		return explain(err)
	}
	done := "key_waits"
	if now {
		done = "key_rotated"
	}
	seeOther(c, signingKeysPath+"?done="+done)
	return nil
}
