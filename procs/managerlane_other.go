//go:build !linux

package procs

type descriptorSender interface {
	transport
	never()
}
