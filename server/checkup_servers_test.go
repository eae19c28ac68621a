package main

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"usher/sql/store"
	"usher/testenv"
)

// TestServersFindings judges what several servers have said of themselves.
func TestServersFindings(t *testing.T) {
	t.Parallel()
	one, other := store.Condition{Place: "1"}, store.Condition{Place: "2"}
	standby, readOnly := store.Condition{Standby: true, ReadOnly: true}, store.Condition{ReadOnly: true}
	gone := errors.New("connection refused")
	for _, tt := range []struct {
		name string
		seen []serverSeen
		want []string // verdict and a part of what was found
	}{
		{"a primary and a standby", []serverSeen{{"a:1", one, nil}, {"b:1", standby, nil}}, []string{"ok a:1 takes writes, and b:1 can take over"}},
		{"two names of one", []serverSeen{{"a:1", one, nil}, {"b:1", one, nil}}, []string{"ok a:1 and b:1 take writes, and lead to one server"}},
		{"the standby is gone", []serverSeen{{"a:1", one, nil}, {"b:1", standby, gone}}, []string{"warn b:1 of X does not answer (connection refused)"}},
		{"one of three is gone", []serverSeen{{"a:1", standby, nil}, {"b:1", one, gone}, {"c:1", one, nil}}, []string{"warn b:1 of X"}},
		{"two primaries", []serverSeen{{"a:1", one, nil}, {"b:1", other, nil}}, []string{"fail a:1 and b:1 of X all take writes"}},
		{"read-only", []serverSeen{{"a:1", one, nil}, {"b:1", readOnly, nil}}, []string{"warn b:1 of X is no standby"}},
		{"standbys alone", []serverSeen{{"a:1", standby, nil}, {"b:1", standby, nil}}, []string{"fail none of X takes writes"}},
		{"all gone", []serverSeen{{"a:1", one, gone}, {"b:1", one, gone}}, []string{"warn a:1", "warn b:1", "fail none of X takes writes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r result
			serversFindings(&r, "X", tt.seen)
			if len(r.findings) != len(tt.want) {
				t.Fatalf("got %+v, want %q", r.findings, tt.want)
			}
			for i, f := range r.findings {
				if got := string(f.Verdict) + " " + f.Found; !strings.HasPrefix(got, tt.want[i]) {
					t.Errorf("got %q, want %q", got, tt.want[i])
				}
			}
		})
	}
}

// TestCheckupOfSeveralServers: one of them answers, so all works; the doctor looks
// at the others as well. That one hangs is not taken for a clock that is wrong.
func TestCheckupOfSeveralServers(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	w := serversWorld(t)
	u, err := url.Parse(w.database)
	if err != nil {
		t.Fatal(err)
	}
	host := u.Host
	at := func(hosts ...string) string {
		u.Host = strings.Join(hosts, ",")
		return "DATABASE_URL=" + u.String()
	}
	closed, silent := closedPort(t), silentPort(t)
	command(t, w, exitOK, "migrate")

	r := checkup(t, w, exitOK, at(silent, closed, host))
	r.wants(t, "database", sound, "can be written")
	r.wants(t, "failover", doubtful, silent+" of DATABASE_URL does not answer", "in time")
	r.wants(t, "failover", doubtful, closed+" of DATABASE_URL does not answer", "refused")
	for _, f := range r.Findings {
		if strings.Contains(f.Found, "clock") {
			t.Errorf("got %q, want no finding of clocks", f.Found)
		}
	}
	r = checkup(t, w, exitOK, at(host, strings.Replace(host, "127.0.0.1", "localhost", 1)))
	r.wants(t, "failover", sound, "lead to one server")
	if text := checkup(t, w, exitOK, at(host)).String(); strings.Contains(text, "failover") {
		t.Errorf("one server: got\n%s\nwant nothing of a failover", text)
	}
}

// TestCheckupOfAPoolerAlone: PgBouncer refuses what Usher asks for with a
// connection, and the doctor says what is missing.
func TestCheckupOfAPoolerAlone(t *testing.T) {
	t.Parallel()
	if !haveServers() || !testenv.HasPgBouncer() {
		return
	}
	pooled, direct := testenv.PooledDSN(t)
	w := worldAt(pooled, testenv.RedisURL(t))
	checkup(t, w, exitFailed).wants(t, "database", failing, "PgBouncer", "DATABASE_DIRECT_URL")
	checkup(t, w, exitOK, "DATABASE_DIRECT_URL="+direct).wants(t, "database", sound, "can be written")
}
