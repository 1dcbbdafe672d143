package main

import (
	"cmp"
	"context"
	"net"
	"os"
	"time"

	"github.com/panjf2000/gnet/v2"

	"switchyard/bench"
	"switchyard/bench/workload"
)

// server answers lines in upper case, in the event loops of gnet.
type server struct {
	gnet.BuiltinEventEngine
	ready chan gnet.Engine
}

func (s *server) OnBoot(e gnet.Engine) gnet.Action {
	s.ready <- e
	return gnet.None
}

func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	for c.InboundBuffered() >= workload.LineSize {
		line, err := c.Next(workload.LineSize)
		if err != nil {
			return gnet.Close
		}
		workload.Upper(line)
		if _, err := c.Write(line); err != nil {
			return gnet.Close
		}
	}
	return gnet.None
}

// echoGnet serves on a free port, which the kernel chooses, while ask asks.
func echoGnet(ask func(b *bench.B, addr string) (uint64, error)) bench.Func {
	return func(b *bench.B) (answered uint64, err error) {
		s := &server{ready: make(chan gnet.Engine, 1)}
		ended := make(chan error, 1)
		go func() {
			ended <- gnet.Run(s, "tcp://127.0.0.1:0", gnet.WithNumEventLoop(b.CPUs), gnet.WithLogger(quiet{}))
		}()
		var e gnet.Engine
		select {
		case e = <-s.ready:
		case err := <-ended:
			return 0, err
		}
		addr, err := address(e)
		if err == nil {
			answered, err = ask(b, addr)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return answered, cmp.Or(err, e.Stop(ctx), <-ended)
	}
}

// quiet keeps what gnet logs, which goes to standard output by default, out of
// what the runner prints. Errors show in the answers.
type quiet struct{}

func (quiet) Debugf(string, ...any) {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

// address returns the address that the engine listens on.
func address(e gnet.Engine) (string, error) {
	fd, err := e.Dup()
	if err != nil {
		return "", err
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	ln, err := net.FileListener(file)
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
