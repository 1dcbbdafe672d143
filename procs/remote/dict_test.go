//go:build linux

package remote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/procs"
)

func openTestDict[V any](t testing.TB, s *Session, name string, config DictConfig) *Dict[V] {
	t.Helper()
	return must(OpenDict[V](soon(t), s, name, config))(t)
}

func TestDict(t *testing.T) {
	server := serve(t, ServerConfig{MaxMessage: 1 << 16})
	d := openTestDict[point](t, connect(t, server.URL()), "points", DictConfig{})
	other := openTestDict[point](t, connect(t, server.URL()), "points", DictConfig{})
	if v, r, err := d.Get(soon(t), "a"); v != (point{}) || r != 0 || !errors.Is(err, ErrNoKey) {
		t.Error(v, r, err)
	}
	first := must(d.Create(soon(t), "a", point{1, 2, "a"}))(t)
	if v, r, err := other.Get(soon(t), "a"); v != (point{1, 2, "a"}) || r != first || err != nil {
		t.Error(v, r, err)
	}
	if _, err := other.Create(soon(t), "a", point{}); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	second := must(other.CompareAndSet(soon(t), "a", first, point{3, 4, "b"}))(t)
	if second <= first {
		t.Error(first, second)
	}
	if _, err := d.CompareAndSet(soon(t), "a", first, point{}); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if err := d.CompareAndDelete(soon(t), "a", first); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if v, r, err := d.Get(soon(t), "a"); v != (point{3, 4, "b"}) || r != second || err != nil {
		t.Error(v, r, err)
	}
	if err := d.CompareAndDelete(soon(t), "a", second); err != nil {
		t.Error(err)
	}
	if _, _, err := other.Get(soon(t), "a"); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if _, err := other.CompareAndSet(soon(t), "a", second, point{}); !errors.Is(err, ErrConflict) {
		t.Error("a key that was deleted has its revision still:", err)
	}
	for range 2 { // nothing to delete
		if err := d.Delete(soon(t), "never"); err != nil {
			t.Error(err)
		}
	}
	third := must(other.Create(soon(t), "a", point{5, 6, "c"}))(t)
	fourth := must(other.Set(soon(t), "a", point{7, 8, "d"}))(t)
	if third <= second || fourth <= third {
		t.Error(second, third, fourth)
	}
	if v, err := d.Modify(soon(t), "a", func(p point, ok bool) (point, bool) { p.X++; return p, ok }); v.X != 8 || err != nil {
		t.Error(v, err)
	}
	if _, err := d.Modify(soon(t), "a", func(p point, ok bool) (point, bool) { return p, false }); err != nil {
		t.Error(err)
	}
	if _, err := d.Modify(soon(t), "a", func(p point, ok bool) (point, bool) { return p, ok }); err != nil {
		t.Error(err)
	}
	if keys, err := d.Keys(soon(t)); len(keys) != 0 || err != nil {
		t.Error(keys, err)
	}
}

// Keys are any texts, and no two of them are one.
func TestDictKeys(t *testing.T) {
	server := serve(t, ServerConfig{})
	d := openTestDict[string](t, connect(t, server.URL()), "texts", DictConfig{})
	keys := []string{"", " ", "*", ".", ".a.", ">", "A", "_", "_2a", "a", "a b", "a.b", "a/b", "日本", "\x00\xff", strings.Repeat("x", maxKey)}
	for _, k := range keys {
		if _, err := d.Create(soon(t), k, "value of "+k); err != nil {
			t.Error(k, err)
		}
	}
	for _, k := range keys {
		if v, _, err := d.Get(soon(t), k); v != "value of "+k || err != nil {
			t.Error(k, v, err)
		}
	}
	got, err := d.Keys(soon(t))
	if slices.Sort(keys); err != nil || !slices.Equal(got, keys) {
		t.Errorf("%q %v", got, err)
	}
	for _, k := range []string{strings.Repeat("x", maxKey+1), strings.Repeat("*", maxKey/3+1)} {
		if _, err := d.Set(soon(t), k, ""); !errors.Is(err, ErrName) {
			t.Error(err)
		}
		if _, _, err := d.Get(soon(t), k); !errors.Is(err, ErrName) {
			t.Error(err)
		}
		if err := d.Delete(soon(t), k); !errors.Is(err, ErrName) {
			t.Error(err)
		}
	}
}

// Additions of many programs are all made, once, though the server is started
// anew in the midst of them.
func TestDictModify(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	address := strings.TrimPrefix(server.URL(), "nats://")
	const programs, n = 4, 15
	var work sync.WaitGroup
	var once sync.Once
	half := make(chan struct{})
	for range programs {
		d := openTestDict[int](t, connect(t, server.URL()), "sums", DictConfig{})
		work.Go(func() {
			for range n {
				v, err := d.Modify(soon(t), "sum", func(v int, _ bool) (int, bool) { return v + 1, true })
				if err != nil {
					t.Error(err)
				}
				if v >= programs*n/2 {
					once.Do(func() { close(half) })
				}
			}
		})
	}
	select {
	case <-half:
	case <-soon(t).Done():
		t.Error("half of it is never reached")
	}
	server.Close()
	server = serve(t, ServerConfig{StoreDir: dir, Address: address})
	work.Wait()
	d := openTestDict[int](t, connect(t, server.URL()), "sums", DictConfig{})
	if v, _, err := d.Get(soon(t), "sum"); v != programs*n || err != nil {
		t.Error(v, err)
	}
}

func TestDictWatch(t *testing.T) {
	server := serve(t, ServerConfig{})
	d := openTestDict[int](t, connect(t, server.URL()), "numbers", DictConfig{})
	want := map[string]int{}
	for i := range 5 {
		want[fmt.Sprint("key ", i)] = i
		must(d.Set(soon(t), fmt.Sprint("key ", i), i))(t)
	}
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	got := map[string]int{}
	var last error
	for c, err := range d.Watch(ctx) {
		if last = err; err != nil {
			break
		}
		switch {
		case c.Deleted:
			delete(got, c.Key)
			cancel()
		case c.Key == "key 0" && c.Value == 7:
			got[c.Key] = c.Value
			if err := d.Delete(soon(t), "key 1"); err != nil {
				t.Error(err)
			}
		default:
			got[c.Key] = c.Value
			if maps.Equal(got, want) {
				must(d.Set(soon(t), "key 0", 7))(t)
			}
		}
	}
	want["key 0"] = 7
	delete(want, "key 1")
	if !errors.Is(last, context.Canceled) || !maps.Equal(got, want) {
		t.Error(got, last)
	}
	for range d.Watch(soon(t)) {
		break // with more to come
	}
	waits := make(chan error, 1)
	go func() {
		for _, err := range d.Watch(soon(t)) {
			if err != nil {
				waits <- err
			}
		}
	}()
	d.s.Close()
	if err := <-waits; !errors.Is(err, procs.ErrClosed) {
		t.Error(err)
	}
}

func TestDictErrors(t *testing.T) {
	server := serve(t, ServerConfig{MaxMessage: 1 << 16})
	s := connect(t, server.URL())
	d := openTestDict[[]byte](t, s, "bounded", DictConfig{MaxBytes: 1 << 17})
	if _, err := OpenDict[string](soon(t), s, "bounded", DictConfig{}); !errors.Is(err, ErrOtherType) {
		t.Error(err)
	}
	if _, err := OpenDict[string](soon(t), s, "", DictConfig{}); !errors.Is(err, ErrName) {
		t.Error(err)
	}
	if _, err := OpenDict[func()](soon(t), s, "x", DictConfig{}); !errors.Is(err, procs.ErrEncode) {
		t.Error(err)
	}
	if _, err := OpenDict[int](soon(t), s, "x", DictConfig{MaxBytes: -1}); err == nil {
		t.Error("a negative size")
	}
	if _, err := d.Set(soon(t), "a", make([]byte, 1<<16)); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Error(err)
	}
	if _, err := openTestDict[*os.File](t, s, "files", DictConfig{}).Set(soon(t), "a", os.Stdin); !errors.Is(err, procs.ErrEncode) {
		t.Error(err)
	}
	full := false
	for i := range 4 {
		_, err := d.Set(soon(t), fmt.Sprint(i), make([]byte, 1<<16-valueHead))
		if full = errors.Is(err, procs.ErrFull); err != nil && !full {
			t.Error(err)
		}
	}
	if !full {
		t.Error("it takes more than MaxBytes")
	}
	if err := d.Delete(soon(t), "0"); err != nil {
		t.Error("a full dictionary's key cannot be deleted:", err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := d.Get(canceled, "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	gone := openTestDict[[]byte](t, connect(t, server.URL()), "bounded", DictConfig{})
	if err := d.Remove(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := gone.Get(soon(t), "a"); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	if _, err := gone.Set(soon(t), "a", nil); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	if _, err := gone.Keys(soon(t)); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	s.Close()
	if _, err := d.Set(soon(t), "a", nil); !errors.Is(err, procs.ErrClosed) {
		t.Error(err)
	}
	server.Close()
	late, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := gone.Set(late, "a", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
