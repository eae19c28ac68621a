//go:build linux || darwin

package main

import "syscall"

// writable reports whether this user may make files in a folder. It tries none.
func writable(folder string) bool {
	const write, enter = 2, 1 // access(2)
	return syscall.Access(folder, write|enter) == nil
}

// freeBytes is what is left for users on the disk of a folder.
func freeBytes(folder string) (n uint64, known bool) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		return 0, false
	}
	return disk.Bavail * uint64(disk.Bsize), true //nolint:gosec // a block has no negative size
}
