//go:build !linux

package bench

// readUsage returns nothing where the tree cannot be read: the metrics that
// come from it are left out of the result.
func readUsage() usage { return usage{} }

// treeMemory returns 0, "unknown", where there is no /proc.
func treeMemory(before, after usage) int64 { return 0 }
