package testenv

import (
	"os/exec"
	"syscall"
)

// dieWithTest has the kernel end the process when the test binary ends without
// doing so.
func dieWithTest(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
