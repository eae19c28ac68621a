package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// canInstall reports whether apt-get is here and may be used.
func canInstall() bool {
	_, err := exec.LookPath("apt-get")
	return err == nil && os.Geteuid() == 0
}

// install brings Debian packages and keeps their services from starting. One
// launcher at a time installs; another waits and then finds the packages there.
func install(ctx context.Context, packages []string, say speaker) error {
	unlock, err := lockInstall("/run/lock/usher-testenv.lock")
	if err != nil {
		return err
	}
	defer unlock()
	allow, err := forbidServices("/usr/sbin/policy-rc.d")
	if err != nil {
		return err
	}
	defer func() {
		if err := allow(); err != nil {
			say("policy-rc.d: %v", err)
		}
	}()
	if err := apt(ctx, "update", "-q"); err != nil {
		return err
	}
	// Not bound to ctx: dpkg interrupted half way leaves packages that only
	// a person can repair.
	arguments := append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)
	return apt(context.WithoutCancel(ctx), arguments...)
}

// apt runs apt-get in its own process group, out of reach of Ctrl-C. Its
// output is shown only when it fails.
func apt(ctx context.Context, arguments ...string) error {
	arguments = append([]string{"-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "-o", "Acquire::http::Timeout=30"}, arguments...)
	cmd := exec.CommandContext(ctx, "apt-get", arguments...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", arguments[6], err, tail(output))
	}
	return nil
}

func lockInstall(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("install lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("install lock: %w", err), file.Close())
	}
	return func() { file.Close() }, nil
}

// denyAll is a policy-rc.d that forbids every service action. Its second line
// tells it from one that belongs to the machine.
const denyAll = "#!/bin/sh\n# Written by usher's testenv/launch while it installs packages.\nexit 101\n"

// forbidServices makes path a policy-rc.d that lets no package start its
// service. The returned function puts back what was there before. A leftover
// of a launcher that was killed is put right in the same way.
func forbidServices(path string) (allow func() error, err error) {
	saved := path + ".usher-saved"
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && bytes.Equal(before, []byte(denyAll)):
	case err != nil:
		return nil, fmt.Errorf("policy-rc.d: %w", err)
	default:
		if err := os.Rename(path, saved); err != nil {
			return nil, fmt.Errorf("policy-rc.d: %w", err)
		}
	}
	allow = func() error {
		err := os.Rename(saved, path)
		if errors.Is(err, fs.ErrNotExist) {
			return os.Remove(path)
		}
		return err
	}
	if err := writeProgram(path, denyAll); err != nil {
		return nil, errors.Join(fmt.Errorf("policy-rc.d: %w", err), allow())
	}
	return allow, nil
}

func writeProgram(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}
