//go:build !race

package provisioning

// raceFactor is 1 without the race detector.
const raceFactor = 1
