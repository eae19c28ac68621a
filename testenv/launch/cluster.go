package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// cluster is where Postgres's data are.
type cluster struct {
	data   string
	secret string // path of the file with the superuser's password; "" = the data are removed at the end
}

// clusterPlace is in the temporary folder, or in a folder that stays. Data of
// another version of Postgres are another cluster.
func clusterPlace(ctx context.Context, bin, folder, stays string, o owner, say speaker) (cluster, error) {
	if stays == "" {
		return cluster{data: filepath.Join(folder, "data")}, nil
	}
	path, err := filepath.Abs(stays)
	if err != nil {
		return cluster{}, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // the servers' owner has to pass
		return cluster{}, err
	}
	if o != nil && !open(path) {
		other := fmt.Sprintf("/var/tmp/usher-data-%x", sha256.Sum256([]byte(path)))[:27]
		say("%s cannot be reached by the user that runs Postgres: its data stay in %s", path, other)
		path = other
		if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // likewise
			return cluster{}, err
		}
	}
	output, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return cluster{}, fmt.Errorf("postgres --version: %w", err)
	}
	major := regexp.MustCompile(`\d+`).FindString(string(output))
	data := filepath.Join(path, "postgres-"+major)
	return cluster{data: data, secret: data + ".password"}, nil
}

// prepare makes the cluster unless it is there, and returns its password. asked
// is the path of a file that initdb reads it from.
func (c cluster) prepare(ctx context.Context, bin, asked string, o owner) (string, error) {
	if c.secret != "" {
		text, err := os.ReadFile(c.secret)
		if err == nil {
			return strings.TrimSpace(string(text)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		// What has no password was not finished.
		if err := os.RemoveAll(c.data); err != nil {
			return "", err
		}
	}
	if err := makeFolder(o, c.data); err != nil {
		return "", fmt.Errorf("postgres: %w", err)
	}
	secret := password()
	if err := initCluster(ctx, bin, c.data, asked, secret, o); err != nil || c.secret == "" {
		return secret, err
	}
	return secret, os.WriteFile(c.secret, []byte(secret+"\n"), 0o600)
}
