package hub

import (
	"os"
	"testing"

	"switchyard/greenlet/hub/internal/hubtest"
)

func TestMain(m *testing.M) { os.Exit(hubtest.Main(m)) }

// must fails t if err is not nil.
var must = hubtest.Must

// run runs f as the main greenlet of a hub and fails t on its error.
func run(t testing.TB, f func(h *Hub)) {
	t.Helper()
	if err := Run(func(h *Hub) error { f(h); return nil }); err != nil {
		t.Fatal(err)
	}
}
