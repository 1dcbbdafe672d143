//go:build linux

package shm

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// What the machine and the control group leave us is read from their files;
// what is not there, or makes no sense, is no limit.
func TestMemoryLeft(t *testing.T) {
	const none = math.MaxUint64
	meminfo := "MemTotal:  8000 kB\nMemFree:  10 kB\nMemAvailable:  5000 kB\nBuffers:  7 kB\n"
	for name, c := range map[string]struct {
		files               map[string]string
		available, groupLet uint64
	}{
		"nothing": {nil, none, none},
		"both": {map[string]string{"meminfo": meminfo, "self/cgroup": "0::/a/b\n", "groups/a/b/memory.max": "1000000\n", "groups/a/b/memory.current": "400000\n"},
			5000 << 10, 600_000},
		"more than allowed": {map[string]string{"self/cgroup": "0::/\n", "groups/memory.max": "1000\n", "groups/memory.current": "4000\n"}, none, 0},
		"no limit":          {map[string]string{"self/cgroup": "0::/\n", "groups/memory.max": "max\n", "groups/memory.current": "4000\n"}, none, none},
		"not told":          {map[string]string{"self/cgroup": "0::/\n", "groups/memory.max": "4000\n"}, none, none},
		"version 1":         {map[string]string{"self/cgroup": "4:memory:/a\n", "groups/memory.max": "9\n", "groups/memory.current": "1\n"}, none, none},
		"no line":           {map[string]string{"meminfo": "MemTotal:  8000 kB\n"}, none, none},
		"no number":         {map[string]string{"meminfo": "MemTotal:  8000 kB\nMemAvailable:"}, none, none},
		"no such number":    {map[string]string{"meminfo": "MemTotal:  8000 kB\nMemAvailable:  much\n"}, none, none},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			file = filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if available, room := memAvailable(dir), cgroupRoom(dir, dir+"/groups"); available != c.available || room != c.groupLet {
			t.Errorf("%s: %d and %d, want %d and %d", name, available, room, c.available, c.groupLet)
		}
	}
}
