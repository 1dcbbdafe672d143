package report

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestReal renders the results directory in REAL, to be looked at.
func TestReal(t *testing.T) {
	dir := os.Getenv("REAL")
	if dir == "" {
		t.Skip("REAL names no results directory")
	}
	run, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var text, html bytes.Buffer
	if err := WriteText(&text, run, Options{Width: 120}); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &text)
	if err := WriteHTML(&html, run, Options{Version: "test"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, HTMLFile), html.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
