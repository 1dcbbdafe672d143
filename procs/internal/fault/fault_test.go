package fault

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// bad is an error whose methods do what their fields say.
type bad struct {
	text, is func()
	unwrap   func() error
}

func (b *bad) Error() string {
	if b.text != nil {
		b.text()
	}
	return "bad"
}

func (b *bad) Is(error) bool {
	if b.is != nil {
		b.is()
	}
	return true
}

func (b *bad) Unwrap() error {
	if b.unwrap != nil {
		return b.unwrap()
	}
	return nil
}

type panicky struct{}

func (p panicky) String() string { panic(p) }

type many []error

func (m many) Error() string   { return "many" }
func (m many) Unwrap() []error { return m }

func TestApart(t *testing.T) {
	for _, c := range []struct {
		what string
		f    func()
		want string
	}{
		{"returns", func() {}, "<nil>"},
		{"panics", func() { panic("oh") }, "panic: oh"},
		{"panics with nil", func() { panic(nil) }, "panic: panic called with nil argument"},
		{"ends its goroutine", func() { runtime.Goexit() }, ErrGoexit.Error()},
		{"ends it after a panic", func() {
			defer func() { recover(); runtime.Goexit() }()
			panic("oh")
		}, ErrGoexit.Error()},
	} {
		if got := fmt.Sprint(Apart(c.f)); got != c.want {
			t.Errorf("%s: %q", c.what, got)
		}
	}
	var p *Panic
	if err := Apart(func() { panic("oh") }); !errors.As(err, &p) || !strings.Contains(p.Stack, "fault_test.go") {
		t.Errorf("no stack of the panic: %v", err)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{"a", "a"},
		{nil, "<nil>"},
		{3, "3"},
		{io.EOF, "EOF"},
		{(*bad)(nil), "<nil>"},
		{&bad{text: runtime.Goexit}, "(a *fault.bad whose own text cannot be had)"},
		{panicky{}, "(a fault.panicky whose own text cannot be had)"},
	} {
		if got := Text(c.v); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
	if text, failed := ErrorText(io.EOF); text != "EOF" || failed != nil {
		t.Error(text, failed)
	}
	if _, failed := ErrorText((*bad)(nil)); !strings.Contains(fmt.Sprint(failed), "nil pointer") {
		t.Error(failed)
	}
	if _, failed := ErrorText(&bad{text: runtime.Goexit}); failed != ErrGoexit {
		t.Error(failed)
	}
}

// Whatever wraps what, the walk sees an error before what it wraps, and ends.
func TestWalk(t *testing.T) {
	leaf := io.EOF
	tree := many{fmt.Errorf("a: %w", leaf), nil, &bad{unwrap: func() error { panic("no") }}, errors.Join(io.ErrNoProgress)}
	var seen []string
	Walk(tree, func(err error) bool { seen = append(seen, Text(err)); return false })
	if got := strings.Join(seen, ", "); got != "many, a: EOF, EOF, bad, multiple Read calls return no data or error, multiple Read calls return no data or error" {
		t.Error(got)
	}
	if e, ok := Find[*bad](tree); !ok || e == nil {
		t.Error("not found")
	}
	if e, ok := Find[*Panic](tree); ok || e != nil {
		t.Error("found", e)
	}
	self := new(bad)
	self.unwrap = func() error { return self }
	n := 0
	Walk(self, func(error) bool { n++; return false })
	if n != 1000 {
		t.Errorf("an error that wraps itself was visited %d times", n)
	}
	wide := make(many, 3)
	for i := range wide {
		wide[i] = wide // 3^n ways
	}
	n = 0
	Walk(wide, func(error) bool { n++; return false })
	if n != 1000 {
		t.Errorf("errors that wrap one another were visited %d times", n)
	}
	// It ends where it is told to, also within a branch.
	n = 0
	if !Walk(tree, func(err error) bool { n++; return err == leaf }) || n != 3 {
		t.Errorf("ended after %d errors", n)
	}
	if Walk(leaf, func(error) bool { return false }) {
		t.Error("nothing was found")
	}
	if Walk(nil, func(error) bool { return true }) {
		t.Error("nil is an error")
	}
}

type anyError struct{ v any }

func (anyError) Error() string { return "" }

func TestIsAndSame(t *testing.T) {
	for _, c := range []struct {
		a    error
		want bool
	}{
		{&bad{}, true},
		{&bad{is: func() { panic("no") }}, false},
		{io.EOF, false}, // it has no method Is
	} {
		if got := Is(c.a, io.ErrNoProgress); got != c.want {
			t.Errorf("%v: %v", c.a, got)
		}
	}
	if !Same(io.EOF, io.EOF) || Same(io.EOF, io.ErrNoProgress) || !Same(anyError{1}, anyError{1}) {
		t.Error("equality")
	}
	if e := (anyError{[]int{1}}); Same(e, e) { // comparable by its type, and not by what it holds
		t.Error("it can be compared")
	}
}

// What failed, and where, is in the error, and what a failure left in a result
// is not.
func TestPanicAndChunk(t *testing.T) {
	err := io.EOF
	func() {
		defer Recover(&err)
	}()
	if err != io.EOF {
		t.Error("nothing panicked:", err)
	}
	func() {
		defer Recover(&err)
		panic(io.ErrNoProgress)
	}()
	p, ok := Find[*Panic](err)
	if !ok || p.Value != io.ErrNoProgress || p.Error() != "panic: "+io.ErrNoProgress.Error() || !strings.Contains(p.Stack, "TestPanicAndChunk") {
		t.Errorf("%#v", err)
	}
	if _, ok := Find[*Panic](&bad{unwrap: func() error { panic("no") }}); ok {
		t.Error("the panic of Unwrap is no part of the chain")
	}
	c := &Chunk{7, fmt.Errorf("seventh: %w", io.EOF)}
	if c.Error() != "seventh: EOF" || !errors.Is(c, io.EOF) {
		t.Error(c)
	}
	if got := (&Chunk{0, &bad{text: runtime.Goexit}}).Error(); !strings.HasPrefix(got, "(a *fault.bad whose") {
		t.Error(got)
	}
}

// Go does not wait, and its channel need not be read.
func TestGo(t *testing.T) {
	release := make(chan struct{})
	done := Go(func() { <-release; panic("late") })
	select {
	case err := <-done:
		t.Error("before its end:", err)
	default:
	}
	close(release)
	if err := <-done; err == nil || err.Error() != "panic: late" {
		t.Error(err)
	}
}
