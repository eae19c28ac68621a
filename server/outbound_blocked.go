package main

// blockedCall is why a call was not made at all: callers can tell it from a
// call that failed.
type blockedCall string

func (b blockedCall) Error() string { return string(b) }

// Blocked reports that nothing was sent.
func (blockedCall) Blocked() bool { return true }
