package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// TestEmbedStorageAccess: a view without a session offers to use the one that
// the browser keeps outside of the frame. Without a window Chromium cannot ask
// the person, so that the answer is given to it beforehand.
func TestEmbedStorageAccess(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	f := setScene(t, launch(t, embeddedWorld(t)))
	w := f.page(t, cookieSettings[2].preferences)
	address := f.origin + f.view + "?appId=" + f.AppID
	// What a browser without partitioned cookies keeps after a visit in a tab.
	kept := shows(t, f.load(t, f.view+"?appId="+f.AppID+"&user="+f.lasting("anna", 3600, nil)), http.StatusOK).cookie
	if _, err := chromedp.Call(w.browser, network.SetCookie, network.SetCookieParams{
		Name: "__Host-usher-embed", Value: kept, URL: f.origin, Path: "/", Secure: new(true), HTTPOnly: new(true), SameSite: network.CookieSameSiteNone,
	}); err != nil {
		t.Fatal(err)
	}
	// press presses the button when it is there, as a person would, until
	// something holds. What a person does counts for five seconds.
	press := func(view *window, holds string) error {
		t.Helper()
		if at := eval[string](t, view, `location.pathname`); at != f.view {
			t.Fatalf("got a frame at %q, want %s", at, f.view)
		}
		ctx, cancel := context.WithTimeout(view.browser, 2*patience) // the view asks for a token first
		defer cancel()
		err := ctx.Err()
		for ctx.Err() == nil {
			_, err = chromedp.Run(ctx, chromedp.Poll[bool](`(() => {
const grant = document.getElementById("grant");
if (grant?.checkVisibility() && !window.pressed) { window.pressed = true; grant.click(); }
return `+holds+`;
})()`, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(3*time.Second)))
			if err == nil {
				return nil
			}
		}
		return err
	}

	allow := func(answer browser.PermissionSetting) {
		t.Helper()
		if _, err := chromedp.CallBrowser(w.browser, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: "storage-access"}, Setting: answer,
			Origin: f.site.origin, EmbeddedOrigin: f.origin,
		}); err != nil {
			t.Fatal(err)
		}
	}

	allow(browser.PermissionSettingDenied)
	eval[bool](t, w, `plain("one", `+jsonText(address)+`)`)
	view := w.frame(t, f.origin+f.view)
	if err := press(view, `document.getElementById("said").textContent.includes("did not allow it")`); err != nil {
		t.Errorf("refused: %v", err)
	}
	if got := view.text(t); !strings.Contains(got, "Open in a new tab") || strings.Contains(got, "Use my sign-in") {
		t.Errorf("refused: got %q, want the new tab as what is left", got)
	}

	allow(browser.PermissionSettingGranted)
	w.open(t, "/")
	eval[bool](t, w, `plain("one", `+jsonText(address)+`)`)
	view = w.frame(t, f.origin+f.view)
	if err := press(view, `!!document.getElementById("content")`); err != nil {
		t.Fatalf("granted: %v", err)
	}
	content := w.frame(t, f.origin+f.view+"/content/")
	if got := content.content(t, "#who"); got != "anna@lumen.example" {
		t.Errorf("granted: got the content for %q, want it for anna", got)
	}
}
