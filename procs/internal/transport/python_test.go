//go:build linux

package transport

import (
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"switchyard/procs/internal/codec"
)

// A length that does not fit into 31 bits comes in a field of its own, as
// Python's Connection._send_bytes writes it.
func TestPythonHead(t *testing.T) {
	for length, want := range map[int]string{
		0:             "00000000",
		258:           "00000102",
		math.MaxInt32: "7fffffff",
		1 << 31:       "ffffffff0000000080000000",
		1 << 40:       "ffffffff0000010000000000",
	} {
		var head [12]byte
		if n := putPythonHead(&head, length); hex.EncodeToString(head[:n]) != want {
			t.Errorf("%d: %x", length, head[:n])
		}
	}
}

// Python gets bytes, and nothing that it would not understand.
func TestPythonSendsOnlyBytes(t *testing.T) {
	s := &pythonSocket{}
	for _, err := range []error{s.Send(1, nil, nil), s.Send(0, nil, []int{2}), s.Share(nil, true, true)} {
		if !errors.Is(err, codec.ErrEncode) {
			t.Error(err)
		}
	}
}
