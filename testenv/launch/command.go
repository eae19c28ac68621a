package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// grace is how long a command may take to end after it was signalled.
const grace = 20 * time.Second

// runCommand runs command to its end and returns its exit code. When ctx is
// cancelled by a signal, the command and its children get the same signal,
// and SIGKILL after the grace. Nothing that it started outlives it.
func runCommand(ctx context.Context, command, env []string) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	detach(cmd, nil, syscall.SIGTERM)
	cmd.Cancel = func() error {
		caught := stopped{syscall.SIGTERM}
		errors.As(context.Cause(ctx), &caught)
		return signalGroup(cmd, caught.signal)
	}
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		return exitFailed, fmt.Errorf("%s: %w", command[0], err)
	}
	err := cmd.Wait()
	if killErr := signalGroup(cmd, syscall.SIGKILL); killErr != nil {
		return exitFailed, fmt.Errorf("ending what %s left behind: %w", command[0], killErr)
	}
	return exitCode(cmd.ProcessState, err)
}

// exitCode turns the way a command ended into our own exit code.
func exitCode(state *os.ProcessState, err error) (int, error) {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	if exit := (*exec.ExitError)(nil); err == nil || errors.As(err, &exit) {
		return state.ExitCode(), nil
	}
	return exitFailed, err
}
