package child

import (
	"os"
	"sync"

	"switchyard/procs/internal/shm"
)

// Parent is the process that started this one.
type Parent struct {
	owner    shm.Owner
	ofKernel bool // the kernel called it our parent, and will say when it is not any more

	once sync.Once
	gone chan struct{}
}

// Begun notes who the parent is, when the process begins.
func (p *Parent) Begun(owner shm.Owner) {
	p.owner, p.ofKernel = owner, os.Getppid() == owner.PID()
}

// Lives reports whether the parent may still run. The kernel says so unless the
// parent is in another pid namespace, or something lies between: a program that
// started us in its stead.
func (p *Parent) Lives() bool {
	if os.Getppid() == p.owner.PID() {
		return true
	}
	return !p.ofKernel && p.owner.Alive()
}

// Gone returns a channel that is closed when the parent has ended.
func (p *Parent) Gone() <-chan struct{} {
	p.once.Do(func() {
		p.gone = make(chan struct{})
		go func() {
			p.wait()
			close(p.gone)
		}()
	})
	return p.gone
}
