package hubtls_test

import (
	"os"
	"testing"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/internal/hubtest"
)

func TestMain(m *testing.M) { os.Exit(hubtest.Main(m)) }

var run, must = hubtest.Run(hub.Run), hubtest.Must
