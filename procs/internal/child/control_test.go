//go:build linux

package child

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/transport"
)

// FuzzControl lets a process or its child take any packet of the other, with
// some descriptors that may not be what it says.
func FuzzControl(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(0))
	f.Add([]byte{1 | controlBlob, 2, 3}, uint8(2))
	f.Add([]byte{1 | controlBox, 2, 3}, uint8(4))
	f.Add([]byte{1 | controlBlob | controlBox}, uint8(2|4<<3))
	proctest.Tidy(f)
	f.Fuzz(func(t *testing.T, packet []byte, kinds uint8) {
		if len(packet) == 0 {
			return
		}
		var fds []int
		for ; kinds != 0; kinds >>= 3 {
			switch kinds & 7 {
			case 1:
				fds = append(fds, proctest.Must(unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0))(t))
			case 2:
				fds = append(fds, proctest.Must(transport.NewBlob([]byte("ABC")))(t))
			case 4:
				fds = append(fds, proctest.Must(transport.BoxFDs([]int{2, 2}))(t))
			}
		}
		before := proctest.Descriptors(t) - len(fds)
		_, body, got, err := openControl(packet, fds)
		for _, fd := range got {
			unix.Close(fd)
		}
		if err != nil && (body != nil || got != nil) { // there is room here
			t.Error(body, got, err)
		}
		if after := proctest.Descriptors(t); after != before {
			t.Errorf("%d descriptors, then %d", before, after)
		}
	})
}
