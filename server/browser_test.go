package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// startDemo runs "usher demo" on a data folder of its own and returns what it
// has printed, by the words before the colon. It is stopped when the test ends.
func startDemo(t *testing.T, more ...string) map[string]string {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stdout, log := newOutput(), newOutput()
	environ := append([]string{"USHER_DATA_DIR=" + t.TempDir(), "USHER_LISTEN=127.0.0.1:0"}, more...)
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"demo"}, environ, stdout, log) }()
	t.Cleanup(func() {
		stop()
		if code := <-done; code != exitOK {
			t.Errorf("got exit code %d, want %d; stderr:\n%s", code, exitOK, log)
		}
	})
	for !strings.Contains(stdout.String(), "Ctrl-C") {
		select {
		case code := <-done:
			done <- code
			t.Fatalf("got exit code %d before the link; stderr:\n%s", code, log)
		case <-stdout.wrote:
		}
	}
	printed := map[string]string{}
	for line := range strings.Lines(stdout.String()) {
		if name, value, found := strings.Cut(line, ": "); found {
			printed[name] = strings.TrimSpace(value)
		}
	}
	return printed
}

// openBrowser starts Chromium with an empty profile.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	return openBrowserWith(t, nil)
}

// openBrowserWith starts Chromium with a profile that has nothing but the given
// preferences, as Chromium's file "Preferences" has them.
func openBrowserWith(t *testing.T, preferences fields) context.Context {
	t.Helper()
	profile, err := os.MkdirTemp("", "usher-chromium-")
	if err == nil && preferences != nil {
		err = os.Mkdir(filepath.Join(profile, "Default"), 0o700)
	}
	if err == nil && preferences != nil {
		err = os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(jsonText(preferences)), 0o600)
	}
	if err != nil {
		t.Fatalf("profile: %v", err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(testenv.Chromium(t)), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	allocator, endAllocator := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	browser, end := chromedp.NewContext(allocator)
	bounded, cancel := context.WithTimeout(browser, 20*time.Minute)
	t.Cleanup(func() {
		cancel()
		end()
		endAllocator()
		// Chromium's helpers may still be writing for a moment, which is
		// nothing that this test is about.
		_ = os.RemoveAll(filepath.Clean(profile))
	})
	return bounded
}

// TestDemoInBrowser is the product in one breath: click the link, see the
// page, reload, sign out; then change the claims on the partner site.
func TestDemoInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	demo := startDemo(t)
	browser := openBrowser(t)
	step := func(name string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(browser, steps...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	// follow does what loads another page, and waits for that page: the old one
	// has a "main" as well.
	follow := func(name string, action chromedp.Action[chromedp.Void]) {
		t.Helper()
		if _, err := chromedp.RunResponse(browser, action); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		step(name, chromedp.WaitVisible("main"))
	}
	text := func() string {
		t.Helper()
		all, err := chromedp.Run(browser, chromedp.Text("body"))
		if err != nil {
			t.Fatalf("text of the page: %v", err)
		}
		return all
	}
	sees := func(name string, wants ...string) {
		t.Helper()
		all := text()
		for _, want := range wants {
			if !strings.Contains(all, want) {
				t.Errorf("%s: got a page without %q:\n%s", name, want, all)
			}
		}
	}
	at := func(name, want string) {
		t.Helper()
		got, err := chromedp.Run(browser, chromedp.Location())
		if err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got to %q (%v), want %s…", name, got, err, want)
		}
	}

	step("open the link", chromedp.Navigate(demo["Sign-in link"]), chromedp.WaitVisible("main"))
	at("link", demo["Application"])
	sees("link", "Anna Lindqvist", "anna.lindqvist@lumen.example", "Algebra I", "Reading poetry", "Exam voucher", "Optics 101")

	step("reload", chromedp.Reload(), chromedp.WaitVisible("main"))
	sees("reload", "Anna Lindqvist")

	step("open the same link again", chromedp.Navigate(demo["Sign-in link"]), chromedp.WaitVisible("main"))
	at("same browser", demo["Application"])
	sees("same browser", "Anna Lindqvist")

	follow("sign out", chromedp.Click("form button[type=submit]"))
	at("signed out", demo["Application"])
	sees("signed out", "You are not signed in")

	step("open the used link", chromedp.Navigate(demo["Sign-in link"]), chromedp.WaitVisible("main"))
	sees("used link", "token_replayed")

	// The partner site: groups emptied, credits left out.
	step("partner", chromedp.Navigate(demo["Partner site"]), chromedp.WaitVisible("#open"),
		chromedp.Click("input[name=groupshow][value=empty]"), chromedp.Click("input[name=creditshow][value=absent]"))
	follow("sign", chromedp.Submit("form[action='/#signed']"))
	sees("partner", `"groups": []`)
	follow("open", chromedp.Click("#open"))
	at("groups emptied", demo["Application"])
	all := text()
	if strings.Contains(all, "Algebra I") || !strings.Contains(all, "Exam voucher") {
		t.Errorf("groups emptied, credits left out: got\n%s\nwant no group, and the credit kept", all)
	}

	step("a broken signature", chromedp.Navigate(demo["Partner site"]), chromedp.WaitVisible("#open"),
		chromedp.Click("summary"), chromedp.Click("input[name=sig][value=broken]"))
	follow("sign", chromedp.Submit("form[action='/#signed']"))
	sees("a broken signature", "Usher will refuse this link")
	follow("open", chromedp.Click("#open"))
	sees("a broken signature", "signature_invalid", "Go back to the site you came from")
	step("the application still knows", chromedp.Navigate(demo["Application"]), chromedp.WaitVisible("main"))
	sees("after a refusal", "Anna Lindqvist")
}
