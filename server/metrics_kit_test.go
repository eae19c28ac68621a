package main

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// withMetrics is the setting with which an instance serves its metrics.
const withMetrics = "USHER_METRICS_LISTEN=127.0.0.1:0"

// metricsAt is where an instance serves its metrics, as its log says.
func (i *instance) metricsAt(t testing.TB) string {
	t.Helper()
	for {
		if found := i.records(t, "metrics are at"); len(found) > 0 {
			address, _ := found[0]["address"].(string)
			return address
		}
		<-i.log.wrote
	}
}

// fetch sends a request to an address without keeping the connection.
func fetch(t testing.TB, method, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// scraped is what Prometheus reads.
type scraped struct {
	text   string
	values map[string]float64  // by series, as it is written, without what histograms have
	labels map[string][]string // of each metric, sorted
}

// scrape reads the metrics of an instance.
func (i *instance) scrape(t testing.TB) scraped {
	t.Helper()
	status, text := fetch(t, http.MethodGet, "http://"+i.metricsAt(t)+metricsPath)
	if status != http.StatusOK {
		t.Fatalf("got %d and %q from the metrics, want 200", status, text)
	}
	s := scraped{text: text, values: map[string]float64{}, labels: map[string][]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if declared := regexp.MustCompile(`^# TYPE (\S+) `).FindStringSubmatch(line); declared != nil {
			s.labels[declared[1]] = nil
			continue
		} else if strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			t.Fatalf("got the line %q, want one with a number", line)
		}
		s.values[line[:end]] = value
		name, rest, _ := strings.Cut(line[:end], "{")
		labels := map[string]bool{}
		for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(rest, -1) {
			if label[1] != "le" && label[1] != "quantile" {
				labels[label[1]] = true
			}
		}
		s.labels[s.metric(name)] = slices.Sorted(maps.Keys(labels))
	}
	return s
}

// metric is the metric to which a series belongs: those of histograms and
// summaries have endings.
func (s scraped) metric(series string) string {
	for _, ending := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(series, ending); cut {
			if _, declared := s.labels[base]; declared {
				return base
			}
		}
	}
	return series
}

// since is by how much each of our counters has grown.
func (s scraped) since(before scraped) map[string]float64 {
	grown := map[string]float64{}
	for series, value := range s.values {
		if by := value - before.values[series]; by != 0 && strings.Contains(series, "_total") {
			grown[series] = by
		}
	}
	return grown
}

// documentedMetrics are the rows of the table in docs/operations.md: the labels of
// each metric, sorted.
func documentedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(usher_[a-z_]+)` \\|([^|]*)\\|[^|]+\\|[^|]+\\|$").FindAllStringSubmatch(string(text), -1) {
		labels := regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(row[2], "")
		table[row[1]] = nil
		for _, label := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(labels, -1) {
			table[row[1]] = append(table[row[1]], label[1])
		}
		slices.Sort(table[row[1]])
	}
	return table
}
