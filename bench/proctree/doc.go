// Package proctree lists the living processes below one: what a result's usage
// is summed over, and what must be gone when a runner has ended.
package proctree
