package manager

import (
	"context"
	"errors"
	"fmt"
	"os"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/endsignal"
	"switchyard/procs/internal/fault"
)

// boot is the argument of the manager's process.
type boot struct {
	Settings []byte
	Socket   *os.File
}

func encodeSettings(c *Config, address string) ([]byte, error) {
	w := new(codec.Wire)
	w.PutString(address)
	w.PutBytes(ownKey(c))
	if c.Initializer == nil {
		w.PutUint64(0)
		return w.Buf, nil
	}
	iw := new(codec.Wire)
	call, err := bridge.CallOf(c.Initializer, iw)
	if err == nil && len(iw.FDs) > 0 {
		err = errors.New("shared objects cannot be passed to a manager's initializer")
	}
	iw.Close()
	if err != nil {
		return nil, fmt.Errorf("%w: argument of %s: %w", procs.ErrEncode, call.Name, err)
	}
	w.PutUint64(call.ID)
	w.PutString(call.Name)
	w.PutBytes(call.Body)
	return w.Buf, nil
}

// mainFunc is the manager's process. Being registered here, it is known in
// every process of a program that imports this package.
var mainFunc = procs.Register("switchyard/procs/manager", runMain)

// runMain is the life of a manager's process.
func runMain(ctx context.Context, boot boot) (struct{}, error) {
	w := codec.Wire{Buf: boot.Settings}
	address, key := w.TakeString(), w.TakeBytes()
	s := newServer()
	watching := endsignal.Watch(s.ask)
	var failed error
	// Apart: this is the main goroutine, without which there is no manager.
	if err := fault.Apart(func() { failed = runInitializer(ctx, &w) }); err != nil {
		failed = err
	}
	if err := s.listenOn(boot.Socket, address, key); err != nil {
		return struct{}{}, err
	}
	if failed != nil { // tell the one who started us, who is connecting already
		wait, cancel := context.WithTimeout(ctx, linkTimeout)
		defer cancel()
		if c, err := s.listener.Accept(wait); err == nil {
			bridge.TransportOf(c).Send(linkHello, append([]byte{statusError}, bridge.EncodeError(failed)...), nil)
		}
		s.shutdown()
		return struct{}{}, procs.ExitCode(1)
	}
	<-watching
	go s.serve()
	<-s.done
	s.shutdown()
	if s.killed != 0 {
		bridge.BeforeExit()
		endsignal.Die(s.killed)
	}
	return struct{}{}, nil
}

func runInitializer(ctx context.Context, w *codec.Wire) (err error) {
	id := w.TakeUint64()
	if id == 0 {
		return w.Err()
	}
	name, body := w.TakeString(), w.TakeBytes()
	if w.Err() != nil {
		return w.Err()
	}
	f, err := bridge.Find(id)
	if err != nil {
		return fmt.Errorf("%w: initializer %q", err, name)
	}
	_, err = f.RunOne(ctx, body, new(codec.Wire), bridge.NoBuffer, new(codec.Wire))
	return err
}

// listenOn begins to take clients on a socket that listens already. The server
// is known in this process from now on.
func (s *server) listenOn(f *os.File, address string, key []byte) error {
	l, err := connection.ListenFile(f, address, connection.ListenerConfig{Poller: true, AuthKey: key, OtherKeys: [][]byte{procs.CurrentProcess().AuthKey()}})
	if err != nil {
		return err
	}
	s.listener, s.address = l, address
	s.manager = &Manager{server: s, link: &clientLink{address: address, server: s.id, local: s, dead: s.done}}
	links.mu.Lock()
	defer links.mu.Unlock()
	if links.local == nil {
		links.local = make(map[string]*server)
	}
	links.local[address] = s
	return nil
}
