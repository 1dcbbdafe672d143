//go:build linux

package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/proctest"
)

// pairs are both ends of a connection of each kind.
func pairs(t *testing.T) map[string][2]Transport {
	t.Helper()
	a, b, err := NewPipe(true)
	if err != nil {
		t.Fatal(err)
	}
	c, d := SocketPair(t, false)
	e, f := SocketPair(t, true)
	all := map[string][2]Transport{"pipe": {a, b}, "packets": {c, d}, "stream": {e, f}}
	t.Cleanup(func() {
		for _, p := range all {
			p[0].Close()
			p[1].Close()
		}
	})
	return all
}

// Every kind of connection carries kinds and bytes both ways, appends to what
// the receiver has, waits as long as it may, and says so when it is over.
func TestTransportEnds(t *testing.T) {
	for name, p := range pairs(t) {
		a, b := p[0], p[1]
		if a.Local() != (name != "stream") {
			t.Error(name, "local:", a.Local())
		}
		for i, n := range []int{0, 1, 16, packetPart, packetPart + 1, PacketBody, PacketBody + 1, 300_000} {
			body := bytes.Repeat([]byte{byte(i + 1)}, n)
			sent := make(chan error, 1)
			go func() { sent <- a.Send(uint32(1000+i), body, nil) }()
			kind, got, fds, err := b.Recv(make([]byte, 0, 100))
			if err != nil || kind != uint32(1000+i) || len(fds) != 0 || !bytes.Equal(got, body) {
				t.Fatal(name, n, kind, len(got), fds, err)
			}
			if err := <-sent; err != nil {
				t.Fatal(name, n, err)
			}
			a, b = b, a
		}
		if ready, err := a.Poll(0); ready || err != nil {
			t.Error(name, ready, err)
		}
		start := time.Now()
		if ready, err := a.Poll(20 * time.Millisecond); ready || err != nil || time.Since(start) < 20*time.Millisecond {
			t.Error(name, ready, err, time.Since(start))
		}
		// What has passed before the call ends it, and nothing is taken or
		// sent.
		a.SetDeadline(time.Unix(1, 0), time.Unix(1, 0))
		if _, _, _, err := a.Recv(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(name, "receive:", err)
		}
		if err := a.Send(1, []byte("no"), nil); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(err.Error(), "procs: send: ") {
			t.Error(name, "send:", err)
		}
		if _, err := a.Poll(-1); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(name, "poll:", err)
		}
		a.SetDeadline(time.Time{}, time.Time{})
		// One way's deadline leaves the other alone.
		a.SetDeadline(time.Unix(1, 0), time.Time{})
		if err := a.Send(2, []byte("yes"), nil); err != nil {
			t.Error(name, err)
		}
		a.SetDeadline(time.Time{}, time.Unix(1, 0))
		if ready, err := b.Poll(-1); !ready || err != nil {
			t.Error(name, ready, err)
		}
		if kind, got, _, err := b.Recv(nil); kind != 2 || string(got) != "yes" || err != nil {
			t.Error(name, kind, string(got), err)
		}
		if err := b.Send(3, nil, nil); err != nil {
			t.Error(name, err)
		}
		if kind, got, _, err := a.Recv(nil); kind != 3 || len(got) != 0 || err != nil {
			t.Error(name, kind, got, err)
		}
		if err := a.Close(); err != nil {
			t.Error(name, err)
		}
		for what, err := range map[string]error{"send": a.Send(1, nil, nil), "receive": third(a.Recv(nil)), "poll": secondOf(a.Poll(-1)), "close": a.Close()} {
			if !errors.Is(err, os.ErrClosed) || !strings.HasPrefix(err.Error(), "procs: "+what+": ") {
				t.Errorf("%s, closed: %v", name, err)
			}
		}
		if ready, err := b.Poll(-1); !ready || err != nil {
			t.Error(name, "the end does not show:", ready, err)
		}
		for range 2 {
			if _, _, _, err := b.Recv(nil); err != io.EOF {
				t.Error(name, "the end:", err)
			}
		}
	}
}

func third(_ uint32, _ []byte, _ []int, err error) error { return err }

func secondOf(_ bool, err error) error { return err }

// Short messages go at once, and the death of the other machine is noticed, on
// a socket that nobody else has set up.
func TestStreamOptions(t *testing.T) {
	for name, make := range map[string]func(f *os.File) (Transport, error){
		"ours":   func(f *os.File) (Transport, error) { return OfSocket(f, true, 1<<10, false) },
		"Python": func(f *os.File) (Transport, error) { return OfPythonSocket(f, 1<<10) },
	} {
		fd := proctest.Must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))(t)
		a := proctest.Must(make(os.NewFile(uintptr(fd), "tcp")))(t)
		defer a.Close()
		raw := proctest.Must(a.SyscallConn())(t)
		for option, want := range map[[2]int]int{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY}: 1, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}: 1,
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}: 15, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}: 15,
		} {
			got, err := -1, error(nil)
			if cerr := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), option[0], option[1]) }); cerr != nil || err != nil || got != want {
				t.Errorf("%s: option %v is %d, want %d (%v, %v)", name, option, got, want, cerr, err)
			}
		}
	}
}

// A message is as long as the limit, and no longer, on either side of TCP.
func TestStreamLimit(t *testing.T) {
	x, y := SocketPair(t, true)
	a, b := x.(*streamSocket), y.(*streamSocket)
	defer a.Close()
	defer b.Close()
	a.limit, b.limit = 10, 10
	if err := a.Send(1, make([]byte, 11), nil); !errors.Is(err, ErrMessageTooLong) || !strings.Contains(err.Error(), "11 bytes over TCP") {
		t.Error(err)
	}
	if err := a.Send(1, nil, []int{0}); !errors.Is(err, codec.ErrEncode) {
		t.Error(err)
	}
	if err := a.Send(1, make([]byte, 10), nil); err != nil {
		t.Error(err)
	}
	if _, got, _, err := b.Recv(nil); len(got) != 10 || err != nil {
		t.Error(len(got), err)
	}
	b.limit = 9
	a.Send(1, make([]byte, 10), nil)
	if _, _, _, err := b.Recv(nil); !errors.Is(err, ErrMessageTooLong) || !strings.Contains(err.Error(), "10 bytes announced") {
		t.Error(err)
	}
	if _, _, _, err := b.Recv(nil); !errors.Is(err, ErrMessageTooLong) { // again
		t.Error(err)
	}
	if err := b.Share(new(codec.Wire), true, true); !errors.Is(err, ErrMessageTooLong) {
		t.Error("a broken connection is passed on:", err)
	}
}

// The heads of messages lie as they are described, and each bit of a stream's
// counts.
func TestHeads(t *testing.T) {
	if h := newPacketHead(packetBox, 0x01020304, 0x0506, 0x0708090a0b0c); fmt.Sprintf("%x", h) != "04000605040302010c0b0a0908070000" {
		t.Errorf("%x", h)
	}
	h := newStreamHeader(0x0102030405060708, 0x090a0b0c, 0x1112131415161718)
	if got := fmt.Sprintf("%x", h); got[:24] != "08070605040302010c0b0a09" || got[32:] != "1817161514131211" {
		t.Error(got)
	}
	if !h.valid() || h.length() != 0x0102030405060708 || h.kind() != 0x090a0b0c || string(h.seal()) != "\x18\x17\x16\x15\x14\x13\x12\x11" {
		t.Error("not as it was made")
	}
	for bit := range 8 * len(h) {
		d := h
		d[bit/8] ^= 1 << (bit % 8)
		if d.valid() {
			t.Errorf("bit %d does not count", bit)
		}
	}
	if new(streamHeader).valid() {
		t.Error("zeros are a head")
	}
	x, y := SocketPair(t, true)
	defer x.Close()
	defer y.Close()
	seen := map[uint64]bool{}
	for range 100 {
		seen[x.(*streamSocket).seal()] = true
		seen[y.(*streamSocket).seal()] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d different seals of 200", len(seen))
	}
}

// memory makes an anonymous file, and says which it is.
func memory(t *testing.T, content string) (int, kernel.FileID) {
	t.Helper()
	fd := proctest.Must(NewBlob([]byte(content)))(t)
	return fd, proctest.Must(kernel.IDOfFD(fd))(t)
}

// A box holds any number of descriptors, in order, and none is left over.
func TestBoxes(t *testing.T) {
	proctest.Tidy(t)
	before := proctest.Descriptors(t)
	one, first := memory(t, "1")
	two, last := memory(t, "2")
	for _, n := range []int{1, 2, MaxFDs, MaxFDs + 1, 2*MaxFDs + 50} {
		fds := make([]int, n)
		for i := range fds {
			fds[i] = two
		}
		fds[0] = one
		box, err := BoxFDs(fds)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenBox(box)
		if err != nil || len(got) != n {
			t.Fatal(n, len(got), err)
		}
		for i, fd := range got {
			if id, err := kernel.IDOfFD(fd); err != nil || i == 0 && id != first || i > 0 && id != last {
				t.Fatal(n, i, id, err)
			}
		}
		kernel.CloseAll(append(got, box))
	}
	if box, err := BoxFDs(nil); err != nil {
		t.Error(err)
	} else {
		if got, err := OpenBox(box); len(got) != 0 || err != nil {
			t.Error(got, err)
		}
		unix.Close(box)
	}
	if box, err := BoxFDs(make([]int, 1<<16)); box != -1 || !errors.Is(err, codec.ErrEncode) || !strings.Contains(err.Error(), "65536 descriptors") {
		t.Error(box, err)
	}
	if box, err := BoxFDs([]int{one, -1}); box != -1 || !errors.Is(err, unix.EBADF) {
		t.Error(box, err)
	}
	if fds, err := OpenBox(one); fds != nil || !errors.Is(err, unix.ENOTSOCK) {
		t.Error(fds, err)
	}
	kernel.CloseAll([]int{one, two})
	if after := proctest.Descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func TestBlobs(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 1 << 20} {
		want := bytes.Repeat([]byte("x"), n)
		fd := proctest.Must(NewBlob(want))(t)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC {
			t.Error(flags, err)
		}
		if got, err := ReadBlob(fd); err != nil || !bytes.Equal(got, want) {
			t.Error(n, len(got), err)
		}
		unix.Close(fd)
	}
	if b, err := ReadBlob(-1); b != nil || !errors.Is(err, unix.EBADF) {
		t.Error(b, err)
	}
}

// A packet that is not whole is an error, and its descriptors are closed.
func TestRightsOfPackets(t *testing.T) {
	for _, c := range []struct {
		n, flags int
		want     error
	}{
		{0, 0, io.EOF}, {16, 0, nil}, {15, 0, codec.ErrWire}, {1, 0, codec.ErrWire}, {16, unix.MSG_TRUNC, codec.ErrWire}, {16, unix.MSG_CTRUNC, unix.EMFILE},
	} {
		fd, id := memory(t, "x")
		fds, err := rights(c.n, unix.UnixRights(fd), c.flags)
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
		still, _ := kernel.IDOfFD(fd)
		if open := still == id; open != (c.want == nil || c.want == io.EOF) || c.want == nil && len(fds) != 1 {
			t.Errorf("%+v: open: %v, %v", c, open, fds)
		}
		if still == id {
			unix.Close(fd)
		}
	}
}

// Waiting ends with an event, with the end of the other side, or in time.
func TestPollFor(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.CloseAll(fds[:1])
	for _, d := range []time.Duration{-1, 0, 1, 1500 * time.Microsecond, 20 * time.Millisecond} {
		took := time.Duration(0)
		for range 10 { // a signal may end one early
			start := time.Now()
			if pollFor(fds[0], unix.POLLIN, d) {
				t.Error("there is nothing")
			}
			took = max(took, time.Since(start))
		}
		if took < d {
			t.Errorf("%v: %v", d, took)
		}
	}
	if !pollFor(fds[0], unix.POLLOUT, time.Hour) {
		t.Error("there is room")
	}
	unix.Close(fds[1])
	if !pollFor(fds[0], unix.POLLIN, time.Hour) {
		t.Error("the other side is gone")
	}
	var l limits
	if err := l.over(&l.readUntil); err != nil {
		t.Error(err)
	}
	l.readUntil.Set(time.Now().Add(time.Hour))
	if err := l.over(&l.readUntil); err != nil {
		t.Error(err)
	}
	l.readUntil.Set(time.Now().Add(-1))
	if err := l.over(&l.readUntil); err != os.ErrDeadlineExceeded {
		t.Error(err)
	}
	l.closed.Store(true)
	if err := l.over(&l.writeUntil); err != os.ErrClosed {
		t.Error(err)
	}
	if err := l.await(-1, 0, &l.writeUntil); err != os.ErrClosed {
		t.Error(err)
	}
	for err, want := range map[error]bool{unix.EMSGSIZE: true, unix.ENOBUFS: true, unix.ENOMEM: true, unix.EAGAIN: false, unix.EPIPE: false, nil: false} {
		if refused(err) != want {
			t.Error(err, !want)
		}
	}
}

// Memory for a long message is taken as it comes: four MiB, then as much again
// as there is.
func TestMessageGrows(t *testing.T) {
	for _, c := range []struct{ at, left, room int }{
		{0, 10, 10}, {0, maxBlob, maxBlob}, {0, maxBlob + 1, maxBlob}, {100, 1 << 40, maxBlob}, {maxBlob + 5, 1 << 40, maxBlob + 5}, {maxBlob + 5, 7, 7},
	} {
		m := message{body: make([]byte, c.at), left: c.left}
		if c.at > 0 {
			m.body[c.at-1] = 7
		}
		m.grow()
		if len(m.body) != c.at || cap(m.body) != c.at+c.room || c.at > 0 && m.body[c.at-1] != 7 {
			t.Errorf("%+v: %d of %d", c, len(m.body), cap(m.body))
		}
	}
	m := message{body: make([]byte, 1, 2), left: 100}
	if m.grow(); cap(m.body) != 2 {
		t.Error("there was room")
	}
	for _, c := range []struct {
		length, room int
		same         bool
	}{{0, PacketBody, true}, {5, PacketBody, true}, {5, PacketBody - 1, false}, {1, 0, false}} {
		buf := make([]byte, c.length, c.length+c.room)
		copy(buf, "hello")
		got := packetRoom(buf)
		if cap(got)-len(got) < PacketBody || !bytes.Equal(got, buf) || (&got[:1][0] == &buf[:1][0]) != c.same {
			t.Errorf("%+v: %d of %d", c, len(got), cap(got))
		}
	}
}

// An end that is passed on is the same end, with the same rights.
func TestShareAndAdopt(t *testing.T) {
	proctest.Tidy(t)
	before := proctest.Descriptors(t)
	for _, plain := range []bool{false, true} {
		for rights := range 4 {
			for side := range 2 {
				a, b, err := NewPipe(true)
				if err != nil {
					t.Fatal(err)
				}
				if plain {
					a.(*pipeSocket).handoffs, b.(*pipeSocket).handoffs = nil, nil
				}
				ends := [2]Transport{a, b}
				w := new(codec.Wire)
				if err := ends[side].Share(w, rights&1 != 0, rights&2 != 0); err != nil {
					t.Fatal(err)
				}
				twin, r, wr, err := Adopt(w)
				if err != nil || r != (rights&1 != 0) || wr != (rights&2 != 0) || len(w.FDs) != 0 || len(w.Buf) != 0 {
					t.Fatal(rights, r, wr, err)
				}
				if plain != (twin.(*pipeSocket).handoffs == nil) || !plain && twin.(*pipeSocket).side != side {
					t.Error("the wrong side, or none")
				}
				if err := twin.Send(5, []byte("through it"), nil); err != nil {
					t.Error(err)
				}
				if plain {
					ends[1-side].(*pipeSocket).in = nil
				}
				if kind, got, _, err := ends[1-side].Recv(nil); kind != 5 || string(got) != "through it" || err != nil {
					t.Error(kind, string(got), err)
				}
				for _, e := range []Transport{a, b, twin} {
					if e == twin || !plain {
						e.Close()
						continue
					}
					e.(*pipeSocket).in, e.(*pipeSocket).out = nil, nil
					e.Close()
				}
			}
		}
	}
	x, y := SocketPair(t, true)
	x.(*streamSocket).limit = 77
	w := new(codec.Wire)
	if err := x.Share(w, false, false); err != nil {
		t.Fatal(err)
	}
	twin, r, wr, err := Adopt(w)
	if err != nil || !r || !wr || twin.(*streamSocket).limit != 77 {
		t.Fatal(r, wr, err)
	}
	if err := twin.Send(6, []byte("stream"), nil); err != nil {
		t.Error(err)
	}
	if kind, got, _, err := y.Recv(nil); kind != 6 || string(got) != "stream" || err != nil {
		t.Error(kind, string(got), err)
	}
	for _, e := range []Transport{x, y, twin} {
		e.Close()
	}
	p, q := SocketPair(t, false)
	if err := p.Share(new(codec.Wire), true, true); err == nil || !strings.Contains(err.Error(), "cannot be passed on") {
		t.Error(err)
	}
	p.Close()
	q.Close()
	// Damaged: nothing comes of it, and nothing is left.
	for _, c := range []struct {
		how uint64
		fds int
	}{{shareHandoffs, 1}, {shareHandoffs, 2}, {shareStream, 1}, {0, 0}, {1 << 40, 0}, {shareReadable, 1}} {
		w := new(codec.Wire)
		for range c.fds {
			fd, _ := memory(t, "short") // no socket, and no handoff
			w.FDs = append(w.FDs, fd)
		}
		w.PutUint64(c.how)
		if e, _, _, err := Adopt(w); e != nil || err == nil {
			t.Errorf("%+v: %v", c, err)
		}
		w.Close()
	}
	proctest.Tidy(t)
	if after := proctest.Descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
