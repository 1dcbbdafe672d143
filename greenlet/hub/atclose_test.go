package hub

import (
	"testing"
	"time"
)

// What was registered with AtClose is called once, after the greenlets have
// ended, unless it was taken back.
func TestAtClose(t *testing.T) {
	live, kept, cancelled := -1, 0, 0
	err := Run(func(h *Hub) error {
		h.AtClose(func() { kept++; live = h.Len() })
		h.AtClose(func() { cancelled++ })()
		h.Spawn(func() error { return h.Sleep(time.Hour) })
		return h.Yield()
	})
	if err != nil || kept != 1 || cancelled != 0 || live != 0 {
		t.Errorf("%v, called %d and %d times, with %d greenlets", err, kept, cancelled, live)
	}
}
