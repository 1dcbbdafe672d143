//go:build linux

package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"switchyard/procs"
)

func openStore(t testing.TB, s *Session, name string, config StoreConfig) *Store {
	t.Helper()
	return must(OpenStore(soon(t), s, name, config))(t)
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// get returns an object.
func get(t testing.TB, o *Store, name string) ([]byte, error) {
	var b bytes.Buffer
	n, err := o.Get(soon(t), name, &b)
	if err == nil && n != int64(b.Len()) {
		t.Error(n, b.Len())
	}
	return b.Bytes(), err
}

// Objects of all lengths come back as they were put, also when the server was
// started anew.
func TestStore(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	address := strings.TrimPrefix(server.URL(), "nats://")
	o := openStore(t, connect(t, server.URL()), "large", StoreConfig{})
	other := openStore(t, connect(t, server.URL()), "large", StoreConfig{})
	all := map[string][]byte{"empty": {}, "a": {1}, "日本 *.>": noise(objectChunk), "/b": noise(objectChunk + 1), "c": noise(5<<20 + 3)}
	for range 2 { // in place of the first ones
		for name, b := range all {
			if n, err := o.Put(soon(t), name, iotest.HalfReader(bytes.NewReader(b))); n != int64(len(b)) || err != nil {
				t.Fatal(name, n, err)
			}
		}
	}
	if got := storedBytes(t, o); got > 7<<20 {
		t.Errorf("%d bytes are stored: what was replaced is still there", got)
	}
	server.Close()
	serve(t, ServerConfig{StoreDir: dir, Address: address})
	for name, b := range all {
		if got, err := get(t, other, name); !bytes.Equal(got, b) || err != nil {
			t.Error(name, len(got), err)
		}
	}
	names, err := other.Names(soon(t))
	if want := []string{"/b", "a", "c", "empty", "日本 *.>"}; !slices.Equal(names, want) || err != nil {
		t.Error(names, err)
	}
	for range 2 {
		if err := other.Delete(soon(t), "c"); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"c", "never", ""} {
		if _, err := get(t, o, name); !errors.Is(err, ErrNoObject) {
			t.Error(name, err)
		}
	}
	if got := storedBytes(t, o); got > 1<<20 {
		t.Errorf("%d bytes are stored: what was deleted is still there", got)
	}
}

func storedBytes(t testing.TB, o *Store) uint64 {
	t.Helper()
	return must(o.stream.Info(soon(t)))(t).State.Bytes
}

// An object that cannot be put as a whole is not put at all, and what was there
// before stays.
func TestStorePutFails(t *testing.T) {
	server := serve(t, ServerConfig{})
	s := connect(t, server.URL())
	o := openStore(t, s, "bounded", StoreConfig{MaxObject: 1 << 20, MaxBytes: 2 << 20})
	before := noise(1000)
	if _, err := o.Put(soon(t), "a", bytes.NewReader(before)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(soon(t))
	cancels := readerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil })
	for want, r := range map[error]io.Reader{
		procs.ErrMessageTooLong: bytes.NewReader(make([]byte, 1<<20+1)),
		errTest:                 io.MultiReader(bytes.NewReader(noise(1<<19)), iotest.ErrReader(errTest)),
		context.Canceled:        cancels,
	} {
		if n, err := o.Put(ctx, "a", r); n != 0 || !errors.Is(err, want) {
			t.Error(want, n, err)
		}
		if ctx.Err() != nil { // the other cases need it
			ctx, cancel = context.WithCancel(soon(t))
		}
	}
	defer func() { cancel() }()
	if got, err := get(t, o, "a"); !bytes.Equal(got, before) || err != nil {
		t.Error(len(got), err)
	}
	if got := storedBytes(t, o); got > 10_000 {
		t.Errorf("%d bytes of objects that were not put are left", got)
	}
	for _, name := range []string{"b", "c", "d"} {
		if _, err := o.Put(soon(t), name, bytes.NewReader(noise(1<<20))); err != nil {
			if !errors.Is(err, procs.ErrFull) {
				t.Error(err)
			}
			break
		}
		if name == "d" {
			t.Error("it takes more than MaxBytes")
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 1000)} {
		if _, err := o.Put(soon(t), name, strings.NewReader("x")); !errors.Is(err, ErrName) {
			t.Error(err)
		}
	}
	if _, err := OpenStore(soon(t), s, "x", StoreConfig{MaxObject: -1}); err == nil {
		t.Error("a negative size")
	}
	if err := o.Remove(soon(t)); err != nil {
		t.Error(err)
	}
	if _, err := get(t, o, "a"); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// Objects that are not what they were are errors, and so are a writer's, and
// the context's.
func TestStoreGetFails(t *testing.T) {
	server := serve(t, ServerConfig{})
	o := openStore(t, connect(t, server.URL()), "damaged", StoreConfig{})
	for _, name := range []string{"other", "longer", "shorter", "good"} {
		if _, err := o.Put(soon(t), name, bytes.NewReader(noise(3*objectChunk))); err != nil {
			t.Fatal(err)
		}
	}
	for name, last := range map[string][]byte{"other": make([]byte, objectChunk), "longer": noise(objectChunk + 1), "shorter": nil} {
		info := must(o.info(soon(t), name))(t)
		subject := "$O." + o.bucket + ".C." + info.NUID
		seq := must(o.stream.GetLastMsgForSubject(soon(t), subject))(t).Sequence
		if err := o.stream.DeleteMsg(soon(t), seq); err != nil {
			t.Fatal(err)
		}
		if last != nil {
			must(o.js.Publish(soon(t), subject, last))(t)
		}
	}
	for _, name := range []string{"other", "longer", "shorter"} {
		if _, err := get(t, o, name); !errors.Is(err, ErrDamaged) {
			t.Error(name, err)
		}
	}
	if _, err := o.Get(soon(t), "good", writerFunc(func([]byte) (int, error) { return 0, errTest })); !errors.Is(err, errTest) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	n, err := o.Get(ctx, "good", writerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil }))
	if n >= 3*objectChunk || !errors.Is(err, context.Canceled) {
		t.Error(n, err)
	}
	if _, err := get(t, o, "good"); err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
