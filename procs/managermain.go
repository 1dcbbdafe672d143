package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// managerBoot is the argument of the manager's process.
type managerBoot struct {
	Settings []byte
	Socket   *os.File
}

func encodeManagerSettings(c *ManagerConfig, s *listenSocket) ([]byte, error) {
	w := new(wire)
	w.PutString(s.address)
	w.PutBytes(managerKey(c))
	if c.Initializer == nil {
		w.PutUint64(0)
		return w.buf, nil
	}
	iw := new(wire)
	body, err := c.Initializer.encode(iw)
	if err == nil && len(iw.fds) > 0 {
		err = errors.New("shared objects cannot be passed to a manager's initializer")
	}
	iw.close()
	if err != nil {
		return nil, fmt.Errorf("%w: argument of %s: %w", ErrEncode, c.Initializer.fname, err)
	}
	w.PutUint64(c.Initializer.id)
	w.PutString(c.Initializer.fname)
	w.PutBytes(body)
	return w.buf, nil
}

// runManager is the life of a manager's process.
func runManager(ctx context.Context, boot managerBoot) (struct{}, error) {
	signal.Ignore(syscall.SIGINT) // Ctrl-C goes to the whole group; who started us decides when we end
	w := wire{buf: boot.Settings}
	address, key := w.TakeString(), w.TakeBytes()
	s := newManagerServer()
	failed := runInitializer(ctx, &w)
	config := ListenerConfig{poller: true, AuthKey: key, keys: [][]byte{CurrentProcess().AuthKey()}}
	if err := s.listenOn(boot.Socket, address, config); err != nil {
		return struct{}{}, err
	}
	if failed != nil { // tell the one who started us, who is connecting already
		wait, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		if c, err := s.listener.Accept(wait); err == nil {
			c.t.send(linkHello, append([]byte{statusError}, encodeError(failed)...), nil)
		}
		s.shutdown()
		return struct{}{}, ExitCode(1)
	}
	go s.serve()
	<-s.done
	s.shutdown()
	return struct{}{}, nil
}

func runInitializer(ctx context.Context, w *wire) (err error) {
	id := w.TakeUint64()
	if id == 0 {
		return w.Err()
	}
	name, body := w.TakeString(), w.TakeBytes()
	if w.Err() != nil {
		return w.Err()
	}
	f, err := findFunc(id)
	if err != nil {
		return fmt.Errorf("%w: initializer %q", err, name)
	}
	defer func() {
		if v := recover(); v != nil {
			err = newPanic(v)
		}
	}()
	_, err = f.runOne(ctx, body, new(wire), nil, new(wire))
	return err
}

// listenOn begins to take clients on a socket that listens already. The server is known in this process from now on.
func (s *managerServer) listenOn(f *os.File, address string, config ListenerConfig) error {
	l, err := newListener(f, address, config)
	if err != nil {
		return err
	}
	s.listener, s.address = l, address
	s.manager = &Manager{server: s, link: &managerLink{address: address, server: s.id, local: s, dead: s.done}}
	links.mu.Lock()
	defer links.mu.Unlock()
	if links.local == nil {
		links.local = make(map[string]*managerServer)
	}
	links.local[address] = s
	return nil
}
