//go:build race

package provisioning

// raceFactor is how much longer tests of cost may take under the race
// detector.
const raceFactor = 100
