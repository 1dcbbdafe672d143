//go:build linux

package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest"
)

const kindBytes = 0

// socketPair is SocketPair, closed when the test ends.
func socketPair(t testing.TB, stream bool) (a, b Transport) {
	t.Helper()
	a, b = SocketPair(t, stream)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// packetPair is a pair of ends that carry packets.
func packetPair(t *testing.T, poller bool) (a, b Transport) {
	t.Helper()
	if poller {
		return socketPair(t, false)
	}
	a, b, err := NewPipe(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// Packets that no sender makes are errors, take no descriptor for long, and
// leave the connection usable.
func TestPipeGarbagePackets(t *testing.T) {
	head := func(flags byte, reserved byte, fds, length int) []byte {
		h := newPacketHead(flags, kindBytes, fds, length)
		h[1] = reserved
		return h[:]
	}
	huge := head(packetFlow, 0, 0, 0)
	binary.LittleEndian.PutUint64(huge[8:], 1<<63)
	file, box := proctest.Must(os.Open(os.DevNull))(t), proctest.Must(BoxFDs([]int{2, 2}))(t)
	memory, sparse := proctest.Must(NewBlob([]byte("abc")))(t), proctest.Must(NewBlob(nil))(t)
	unix.Ftruncate(sparse, 1<<40)
	defer file.Close()
	for _, fd := range []int{memory, sparse, box} {
		defer unix.Close(fd)
	}
	null := int(file.Fd())
	proctest.Tidy(t)
	for _, poller := range []bool{false, true} {
		for name, c := range map[string]struct {
			packet []byte
			fds    []int
		}{
			"short":                    {[]byte{0}, nil},
			"short, with a descriptor": {[]byte{0}, []int{2}},
			"long":                     {append(head(0, 0, 0, PacketBody+10), make([]byte, PacketBody+10)...), nil},
			"length too small":         {append(head(0, 0, 0, 3), "four"...), nil},
			"length too large":         {append(head(0, 0, 0, 5), "four"...), nil},
			"unknown flag":             {head(1<<3, 0, 0, 0), nil},
			"both ways":                {head(packetBlob|packetFlow, 0, 0, 10), []int{null}},
			"memory missing":           {head(packetBlob, 0, 0, 10), nil},
			"flow missing":             {head(packetFlow, 0, 0, 10), nil},
			"box missing":              {head(packetBox, 0, 2, 0), nil},
			"descriptors missing":      {head(0, 0, 2, 0), []int{2}},
			"descriptors too many":     {head(0, 0, 0, 0), []int{2}},
			"memory too short":         {head(packetBlob, 0, 0, 4), []int{memory}},
			"memory without content":   {head(packetBlob, 0, 0, 1<<40), []int{sparse}},
			"rest of negative length":  {huge, []int{null}},
			"rest shorter than part":   {append(head(packetBlob, 0, 0, 2), "four"...), []int{memory}},
			"no memory at all":         {head(packetBlob, 0, 0, 4), []int{null}},
			"box with fewer":           {head(packetBox, 0, 3, 0), []int{box}},
			"no box at all":            {head(packetBox, 0, 1, 0), []int{null}},
		} {
			a, b := packetPair(t, poller)
			rc := proctest.Must(a.SyscallConn())(t)
			var err error
			rc.Control(func(fd uintptr) {
				var oob []byte
				if len(c.fds) > 0 {
					oob = unix.UnixRights(c.fds...)
				}
				err = unix.Sendmsg(int(fd), c.packet, oob, nil, 0)
			})
			if err != nil {
				t.Fatal(name, err)
			}
			before := proctest.Descriptors(t)
			if _, m, fds, err := b.Recv(nil); err == nil || err == io.EOF {
				t.Errorf("%s: %d bytes, descriptors %v, %v", name, len(m), fds, err)
			}
			if after := proctest.Descriptors(t); after != before {
				t.Errorf("%s: %d descriptors, then %d", name, before, after)
			}
			a.Send(kindBytes, []byte("second"), nil)
			if _, m, _, err := b.Recv(nil); string(m) != "second" || err != nil {
				t.Errorf("%s: afterwards %q, %v", name, m, err)
			}
			a.Close()
			b.Close()
		}
	}
}

// FuzzPacket lets a receiver take any packet, with some descriptors that may
// not be what it says.
func FuzzPacket(f *testing.F) {
	add := func(flags byte, fds, length int, body string, kinds uint8) {
		h := newPacketHead(flags, 7, fds, length)
		f.Add(append(h[:], body...), kinds)
	}
	add(0, 0, 4, "four", 0)
	add(0, 1, 0, "", 1)
	add(packetBlob, 0, 7, "four", 2)
	add(packetFlow, 0, 7, "four", 3)
	add(packetBox, 2, 0, "", 4)
	add(packetBox|packetBlob, 2, 7, "four", 2|4<<3)
	proctest.Tidy(f)
	f.Fuzz(func(t *testing.T, packet []byte, kinds uint8) {
		var head packetHead
		body := packet[copy(head[:], packet):]
		var fds []int
		for ; kinds != 0; kinds >>= 3 {
			fd := -1
			switch kinds & 7 {
			case 1:
				fd = proctest.Must(unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0))(t)
			case 2:
				fd = proctest.Must(NewBlob([]byte("ABC")))(t)
			case 3:
				way, flow, err := newFlow()
				if err != nil {
					t.Fatal(err)
				}
				unix.Write(flow, []byte("ABC"))
				unix.Close(flow)
				fd = way
			case 4:
				fd = proctest.Must(BoxFDs([]int{2, 2}))(t)
			default:
				continue
			}
			fds = append(fds, fd)
		}
		before := proctest.Descriptors(t) - len(fds)
		m, err := unpack(&head, slices.Clone(body), fds)
		if err == nil && m.rest >= 0 {
			a, _ := socketPair(t, false)
			before += 2
			far := time.Now().Add(time.Second)
			a.SetDeadline(far, far)
			err = m.complete(a.(packets), &a.(*packetSocket).readUntil)
		}
		if err == nil {
			if want := binary.LittleEndian.Uint64(head[8:]); uint64(len(m.body)) != want || m.rest >= 0 {
				t.Errorf("%d bytes, not %d", len(m.body), want)
			}
			if want := binary.LittleEndian.Uint16(head[2:]); len(m.fds) != int(want) {
				t.Errorf("%d descriptors, not %d", len(m.fds), want)
			}
			m.drop()
		}
		if after := proctest.Descriptors(t); after != before {
			t.Errorf("%d descriptors, then %d", before, after)
		}
	})
}

// What is no message, or not a whole one, is an error from then on, and the
// other side is told as well.
func TestStreamGarbage(t *testing.T) {
	whole := func(body string) []byte {
		h := newStreamHeader(uint64(len(body)), kindBytes, 12345)
		return append(append(h[:], body...), h.seal()...)
	}
	first := whole("first")
	flip := func(at int) []byte {
		b := bytes.Clone(first)
		b[at] ^= 1
		return b
	}
	for name, b := range map[string][]byte{
		"length":                 flip(0),
		"kind":                   flip(8),
		"check":                  flip(12),
		"seal in front":          flip(16),
		"seal behind":            flip(len(first) - 1),
		"a body cut short":       append(bytes.Clone(first[:streamHead+2]), whole("second one")...),
		"another in the midst":   append(append(bytes.Clone(first[:streamHead+2]), whole("")...), first[streamHead+2:]...),
		"a head cut short":       append(bytes.Clone(first[:streamHead-3]), whole("second one")...),
		"the beginning is gone":  append(bytes.Clone(first[streamHead:]), make([]byte, 100)...),
		"zeros":                  make([]byte, 100),
		"a seal of another kind": append(bytes.Clone(first[:len(first)-streamSeal]), make([]byte, streamSeal)...),
	} {
		a, c := socketPair(t, true)
		raw := proctest.Must(a.SyscallConn())(t)
		raw.Control(func(fd uintptr) { unix.Write(int(fd), append(b, make([]byte, 100)...)) })
		for range 2 {
			if _, m, _, err := c.Recv(nil); !errors.Is(err, ErrMessageCut) {
				t.Errorf("%s: %q, %v", name, m, err)
			}
		}
		if _, _, _, err := a.Recv(nil); !Ended(err) {
			t.Errorf("%s: the other side does not know: %v", name, err)
		}
	}
	a, c := socketPair(t, true)
	raw := proctest.Must(a.SyscallConn())(t)
	raw.Control(func(fd uintptr) { unix.Write(int(fd), append(first, first...)) })
	for range 2 { // the table has meaning only if this is one
		if _, m, _, err := c.Recv(nil); string(m) != "first" || err != nil {
			t.Error(string(m), err)
		}
	}
}

// FuzzStream lets a receiver take any bytes. A message must have its seal.
func FuzzStream(f *testing.F) {
	h := newStreamHeader(3, 7, 12345)
	whole := append(append(bytes.Clone(h[:]), "abc"...), h.seal()...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(whole, whole[5:]...))
	f.Add(append(whole[:20:20], whole...))
	f.Add(make([]byte, 100))
	huge := newStreamHeader(1<<62, 7, 1)
	f.Add(huge[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64<<10 {
			return
		}
		a, c := socketPair(t, true)
		raw := proctest.Must(a.SyscallConn())(t)
		raw.Control(func(fd uintptr) { unix.Write(int(fd), b) })
		a.Close()
		for {
			kind, m, _, err := c.Recv(nil)
			if err != nil {
				break
			}
			n := streamHead + len(m) + streamSeal
			if n > len(b) || !bytes.Equal(b[streamHead:streamHead+len(m)], m) || !bytes.Equal(b[16:24], b[n-streamSeal:n]) ||
				(*streamHeader)(b).kind() != kind {
				t.Fatalf("kind %d, %q of %q", kind, m, b)
			}
			b = b[n:]
		}
		c.Close()
	})
}
