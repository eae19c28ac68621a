//go:build !linux

package main

import (
	"context"
	"errors"
)

func canInstall() bool { return false }

func install(context.Context, []string, speaker) error {
	return errors.New("packages are installed on Debian and Ubuntu only")
}
