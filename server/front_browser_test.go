package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// samplePage is a page of the application whose script talks to it by a
// WebSocket, and then does what it can with an administrator's browser: read a
// page of the admin at either host, and send a form of it.
const samplePage = `<!doctype html><meta charset="utf-8"><title>Application</title><p id="greeting"></p><ul id="tries"></ul>
<script>
const say = text => { document.querySelector("#tries").append(Object.assign(document.createElement("li"), {textContent: text})) }
const admin = "http://127.0.0.1:" + location.port
const attempt = async (name, target, options) => {
	try {
		const answer = await fetch(target, {credentials: "include", ...options})
		say(name + ": " + answer.type + " " + answer.status)
	} catch { say(name + ": blocked") }
}
const socket = new WebSocket("ws://" + location.host + "/ws")
socket.onmessage = async event => {
	document.querySelector("#greeting").textContent = event.data
	const form = {method: "POST", mode: "no-cors", body: new URLSearchParams({name: "Planted"})}
	await attempt("read here", "/admin/settings")
	await attempt("send here", "/admin/integrations", form)
	await attempt("read there", admin + "/admin/settings")
	await attempt("send there", admin + "/admin/integrations", form)
	document.querySelector("#tries").id = "tried"
}
</script>`

// TestFrontInBrowser: a page of the application in Chromium has its WebSocket,
// and nothing of the admin's although an administrator is signed in there.
func TestFrontInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i, _ := launchFront(t, embeddedWorld(t))
	lumen := i.install(t, nil)
	i.post(t, "/admin/setup", "token="+i.setup+"&name=Olga+Owner&email="+ownerEmail+"&password="+url.QueryEscape(ownerPassword), i.adminAt())
	w := openWindow(t, i)
	w.open(t, i.origin+link(lumen.token(person("anna"))))
	anna := i.userID(t, "anna@lumen.example")
	if _, err := chromedp.Call(w.browser, network.SetCookie, network.SetCookieParams{
		Name: "__Host-usher-admin", Value: i.signInAdmin(t, ownerEmail, ownerPassword, i.adminAt()), URL: "http://127.0.0.1:" + i.port,
		Path: "/", Secure: new(true), HTTPOnly: new(true), SameSite: network.CookieSameSiteLax,
	}); err != nil {
		t.Fatal(err)
	}
	w.open(t, "http://127.0.0.1:"+i.port+"/admin/settings") // the administrator is signed in there
	w.open(t, i.origin+"/page")
	w.do(t, "the script", chromedp.WaitVisible("#tried"))
	if got, want := strings.TrimSpace(w.content(t, "#greeting")), "hello "+anna; got != want {
		t.Errorf("got %q from the WebSocket, want %q", got, want)
	}
	const want = "read here: basic 404\nsend here: basic 404\nread there: blocked\nsend there: "
	if got := w.text(t); !strings.Contains(got, want) || strings.Contains(got, " 200") {
		t.Errorf("got %s\nfrom the script's tries, want %s", got, want)
	}
	if list := i.admin(t, 200, "GET", "/integrations", nil); strings.Contains(list.body, "Planted") {
		t.Errorf("got an integration that the script has planted: %v", list)
	}
	if got := i.await(t, 2, "request", `"path":"/admin/integrations"`, `"method":"POST"`); len(got) != 2 || fmt.Sprint(got[0]["status"], got[1]["status"]) != "404 403" {
		t.Errorf("got %v for the script's forms, want 404 here and 403 there", got)
	}
}
