package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// owner is the user that runs the private servers: nil means ourselves.
type owner = *syscall.Credential

// serverOwner picks an unprivileged user when we are root, because Postgres
// refuses to run as root.
func serverOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("root cannot run Postgres, and there is no user postgres or nobody")
}

// giveTo makes path belong to the servers' owner.
func giveTo(o owner, path string) error {
	if o == nil {
		return nil
	}
	return os.Chown(path, int(o.Uid), int(o.Gid))
}

// detach puts cmd in a process group of its own, so that Ctrl-C reaches only
// us, and has the kernel send it death when we are killed outright.
func detach(cmd *exec.Cmd, o owner, death syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death, Credential: o}
}

// signalGroup signals the whole process group that detach made for cmd. It
// is no error when nobody is left in it.
func signalGroup(cmd *exec.Cmd, s syscall.Signal) error {
	if err := syscall.Kill(-cmd.Process.Pid, s); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// memory is how many bytes the machine has, or 0.
func memory() uint64 {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit) //nolint:unconvert // not 64 bits everywhere
}
