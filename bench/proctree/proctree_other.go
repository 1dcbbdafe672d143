//go:build !linux

package proctree

// Descendants returns nothing where there is no /proc.
func Descendants(int) []int { return nil }

// Children returns nothing where there is no /proc.
func Children(int) []int { return nil }
