//go:build !linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// owner stands for the user that runs the servers, here always ourselves.
type owner = *struct{}

func serverOwner() (owner, error) { return nil, nil }

func giveTo(owner, string) error { return nil }

func detach(*exec.Cmd, owner, syscall.Signal) {}

func signalGroup(cmd *exec.Cmd, s syscall.Signal) error {
	if err := cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func memory() uint64 { return 0 }
