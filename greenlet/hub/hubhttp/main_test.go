package hubhttp_test

import (
	"os"
	"testing"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/internal/hubtest"
)

func TestMain(m *testing.M) { os.Exit(hubtest.Main(m)) }

// must fails t if err is not nil.
var must = hubtest.Must

// run runs f as the main greenlet of a hub and fails t on its error.
func run(t testing.TB, f func(h *hub.Hub)) {
	t.Helper()
	must(t, hub.Run(func(h *hub.Hub) error { f(h); return nil }))
}
