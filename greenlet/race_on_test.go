//go:build race

package greenlet

const raceEnabled = true
