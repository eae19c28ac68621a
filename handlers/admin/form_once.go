package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// onceField is the hidden field with what makes a form itself and no other.
const onceField = "once"

// formToken is for a form that is shown: the one that was sent when it is shown
// again, else a new one.
func formToken(c *gin.Context) string {
	if token := c.PostForm(onceField); token != "" {
		return token
	}
	return rand.Text()
}

// FormOnce is Once for a form whose answer shows a secret: sent again, by a
// second click or a reload, it makes nothing and leads to what it has made. Of
// the answer only that path is kept. A refused form can be sent again.
func (a *Admin) FormOnce(handle handlers.Handler) handlers.Handler {
	return func(c *gin.Context) error {
		token := c.PostForm(onceField)
		if token == "" {
			return handle(c) // a form that an earlier version has shown
		}
		request := c.Request.Method + " " + c.Request.URL.Path
		attempt, made, err := a.Provisioning.BeginRequest(c.Request.Context(), handlers.TenantOf(c), provisioning.Repeatable{
			Key: token, Actor: actorOf(c).String(), Route: c.Request.Method + " " + c.FullPath(), Request: []byte(request),
		})
		switch {
		case errors.Is(err, provisioning.ErrInProgress), errors.Is(err, provisioning.ErrAnswerLost):
			seeOther(c, listOf(c.Request.URL.Path)+"?done=form_sent")
			return nil
		case err != nil:
			return explain(err)
		case attempt == nil:
			seeOther(c, string(made))
			return nil
		}
		c.Set(attemptKey{}, attempt)
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), keepTimeout)
			defer cancel()
			// This frees only what has made nothing.
			_ = a.Provisioning.ReleaseRequest(ctx, *attempt)
		}()
		return handle(c)
	}
}

// listOf is the list in which stands what a form at a path has made.
func listOf(path string) string {
	for _, list := range []string{clientsPath, organizationsPath, connectionsPath, jwtPath, webhooksPath} {
		if strings.HasPrefix(path, list) {
			return list
		}
	}
	return integrationsPath
}

// made keeps where a form that is sent again shall lead.
func (a *Admin) made(c *gin.Context, path string) {
	attempt := attemptOf(c)
	if attempt == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), keepTimeout)
	defer cancel()
	if err := a.Provisioning.KeepAnswer(ctx, *attempt, []byte(path)); err != nil {
		// A repetition then leads to the list.
		a.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "keeping an answer failed",
			slog.String("reference", handlers.RequestID(c.Request.Context())), slog.Any("error", err))
	}
}
