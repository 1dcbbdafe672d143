package hub

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shell prepares a script whose output goes to a writer of Go.
func shell(t *testing.T, h *Hub, script string, out io.Writer) *Popen {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	p := h.Command("sh", "-c", script)
	p.Stdout = out
	return p
}

// A grandchild that keeps the pipe of its parent's output open for an hour
// keeps nobody: not a limit, a kill, WaitDelay, Kill or the end of the hub.
// (golang/go#23019)
func TestGrandchildHoldsThePipe(t *testing.T) {
	// start starts the child and waits until the grandchild runs.
	start := func(t *testing.T, h *Hub, delay time.Duration, out io.Writer) *Popen {
		file := filepath.Join(t.TempDir(), "pid")
		p := shell(t, h, "echo out; sleep 3600 & echo $! >"+file+".new; mv "+file+".new "+file, out)
		p.WaitDelay = delay
		must(t, p.Start())
		for {
			if b, err := os.ReadFile(file); err == nil {
				pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
				must(t, err)
				grandchild, err := os.FindProcess(pid)
				must(t, err)
				t.Cleanup(func() { grandchild.Kill(); grandchild.Release() })
				return p
			}
			must(t, h.Sleep(time.Millisecond))
		}
	}
	for _, c := range []struct {
		what string
		end  func(h *Hub, p *Popen) error
		want error
	}{
		{"limit", func(h *Hub, p *Popen) error { return p.WaitTimeout(50 * time.Millisecond) }, ErrTimeout},
		{"context", func(h *Hub, p *Popen) error {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			return h.WithContext(ctx, p.Wait)
		}, context.DeadlineExceeded},
		{"killed", func(h *Hub, p *Popen) error {
			g := h.Spawn(p.Wait)
			h.Sleep(50 * time.Millisecond)
			g.Kill()
			return g.Err()
		}, ErrExit},
		{"kill of the child", func(h *Hub, p *Popen) error {
			h.Sleep(50 * time.Millisecond)
			p.Kill()
			return p.WaitTimeout(time.Minute)
		}, nil},
		{"end of the hub", func(h *Hub, p *Popen) error { return nil }, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			var out bytes.Buffer
			run(t, func(h *Hub) {
				err := c.end(h, start(t, h, 0, &out))
				var exit *exec.ExitError
				if !errors.Is(err, c.want) && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
					t.Errorf("%v", err)
				}
			})
		})
	}
	t.Run("WaitDelay", func(t *testing.T) {
		var out bytes.Buffer
		run(t, func(h *Hub) {
			p := start(t, h, 100*time.Millisecond, &out)
			if err := p.WaitTimeout(time.Minute); err != exec.ErrWaitDelay || !bytes.HasPrefix(out.Bytes(), []byte("out\n")) {
				t.Errorf("%v, %q", err, out.Bytes())
			}
		})
	})
}

type badWriter struct{}

func (badWriter) Write([]byte) (int, error) { panic("boom") }

// Writers of Go get everything, one for both outputs too, and a writer's panic
// is the error of Wait.
func TestPopenWriters(t *testing.T) {
	run(t, func(h *Hub) {
		var out bytes.Buffer
		p := shell(t, h, "echo out; echo err >&2; exit 3", &out)
		p.Stderr = &out
		must(t, p.Start())
		var exit *exec.ExitError
		if err := p.WaitTimeout(time.Minute); !errors.As(err, &exit) || exit.ExitCode() != 3 || out.String() != "out\nerr\n" {
			t.Errorf("%v, %q", err, out.String())
		}
		p = shell(t, h, "echo out", badWriter{})
		must(t, p.Start())
		var panicked *PanicError
		if err := p.WaitTimeout(time.Minute); !errors.As(err, &panicked) || panicked.Value != "boom" {
			t.Errorf("%v", err)
		}
		p = h.Command("/no such program")
		p.Stdout, p.Stderr = &out, new(bytes.Buffer)
		if p.Start() == nil || p.WaitTimeout(time.Minute) == nil {
			t.Error("started")
		}
	})
}
