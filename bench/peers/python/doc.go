// Package python has the workloads in Python, by the ways that the tutorials
// teach: a runner program (see "The runner protocol" in package bench), which
// "make bench PEERS=python" measures beside ours. There is no Go in it but its
// tests.
package python
