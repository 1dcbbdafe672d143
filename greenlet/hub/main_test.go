package hub

import (
	"os"
	"testing"

	"switchyard/greenlet/hub/internal/hubtest"
)

func TestMain(m *testing.M) { os.Exit(hubtest.Main(m)) }

var run, must = hubtest.Run(Run), hubtest.Must
