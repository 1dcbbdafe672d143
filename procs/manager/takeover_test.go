//go:build linux

package manager

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"switchyard/procs/connection"
	"switchyard/procs/internal/proctest/wait"
)

// A manager that is closed, or that was killed and is closed then, leaves the
// socket alone that another one has put at its path (socket-proxy#175).
func TestManagerTakeover(t *testing.T) {
	for _, c := range []struct {
		name string
		old  func(Config) (*Manager, error)
		kill bool
	}{
		{"process", New, false},
		{"killed", New, true},
		{"here", Serve, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "manager")
			old, err := c.old(Config{Address: path})
			if err != nil {
				t.Fatal(err)
			}
			defer old.Close()
			if c.kill {
				old.Process().Kill()
				<-old.Done()
			}
			os.Remove(path)
			fresh, err := connection.Listen(path, connection.ListenerConfig{})
			if err != nil {
				t.Fatal(err)
			}
			defer fresh.Close()
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
			defer cancel()
			a, err := connection.Dial(ctx, path, connection.DialConfig{})
			if err != nil {
				t.Fatal("nobody reaches the new one:", err)
			}
			a.Close()
		})
	}
}

// A path goes with its manager, also if that is killed, is not even started, or
// has been reached by a relative path from a directory that was left.
func TestManagerPathGoes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, old := range map[string]func(Config) (*Manager, error){"process": New, "here": Serve} {
		for _, kill := range []bool{false, true} {
			m, err := old(Config{Address: "./" + name})
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir("/")
			if kill && m.Process() != nil {
				m.Process().Kill()
				<-m.Done()
			}
			m.Close()
			t.Chdir(dir)
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Fatal(name, kill, left, err)
			}
		}
	}
}

// 300 connections that say nothing delay nobody who knows the key (xpra#130).
func TestManagerSilentClients(t *testing.T) {
	for name, start := range map[string]func(Config) (*Manager, error){"process": New, "here": Serve} {
		t.Run(name, func(t *testing.T) {
			m, err := start(Config{Address: "127.0.0.1:0", AuthKey: []byte("key")})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			for range 300 {
				c, err := net.Dial("tcp", m.Address())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
			defer cancel()
			for range 3 {
				c, err := connection.Dial(ctx, m.Address(), connection.DialConfig{AuthKey: []byte("key")})
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
			}
		})
	}
}
