package remote

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// changed returns the message of a change that is made on b.
func changed(b base, c change, revision uint64, at time.Time) *jetstream.RawStreamMsg {
	return &jetstream.RawStreamMsg{Sequence: revision, Time: at, Header: nats.Header{headerChanges: {b.header(c)}}}
}

func writerNamed(i int) string { return fmt.Sprintf("%0*d", writerLength, i) }

// The last change of each writer is found until it is too old, or too many came
// after it; then it is not known whether one was made, unless it was to be made
// later.
func TestChanges(t *testing.T) {
	begin := time.Unix(1_800_000_000, 0)
	at, b, revision := begin, base{}, uint64(0)
	make := func(writer int, n uint64) {
		revision += 2
		b = baseOf(changed(b, change{writerNamed(writer), n}, revision, at))
		if b.revision != revision {
			t.Fatal(b.revision, revision)
		}
	}
	finds := func(writer int, n, on, want uint64, known bool) {
		t.Helper()
		if got, knows := b.find(change{writerNamed(writer), n}, on); got != want || knows != known {
			t.Error(writer, n, got, knows)
		}
	}
	make(1, 1)
	make(2, 1)
	make(1, 2)
	make(3, 5)
	finds(1, 2, 0, 6, true)
	finds(2, 1, 0, 4, true)
	finds(3, 5, 0, 8, true)
	finds(1, 3, 0, 0, true)
	finds(4, 1, 0, 0, true)
	for i := range maxChanges {
		make(100+i, 1)
	}
	finds(1, 2, 5, 0, false)
	finds(3, 5, 7, 0, false)
	finds(4, 1, 8, 0, true) // it would be known
	finds(100, 1, 8, 10, true)
	at = at.Add(time.Duration(changesAge) * time.Second)
	make(1, 4)
	finds(101, 1, 8, 12, true)
	at = at.Add(time.Second)
	make(2, 2)
	finds(101, 1, 8, 0, false)
	finds(1, 4, 8, 10+2*maxChanges, true)
	if len(b.before) != 2 {
		t.Error(b.before)
	}
	if n := len(changed(b, change{writerNamed(1), 5}, 1, at).Header.Get(headerChanges)); n > 80 {
		t.Error(n, "characters for two writers")
	}
}

// What is at most in a header has room beside a value.
func TestChangesLength(t *testing.T) {
	b := base{forgotten: 1 << 63}
	for i := range maxChanges {
		b.before = append(b.before, made{change{writerNamed(i), 1 << 30}, 1 << 62, 1 << 40})
	}
	if n := len(b.header(change{writerNamed(999), 1 << 63})); n > valueHead-256 {
		t.Error(n)
	}
}

// A header of others is none of ours, and whatever was before is not known.
func FuzzChanges(f *testing.F) {
	w := writerNamed(1)
	for _, h := range []string{"", " ", w + ".1 0", w + ".1 0 " + writerNamed(2) + ".1.2.3", w + ".1.2 0", w + ".1 x!", w + "x.1 0",
		w + ".1 0 " + w, w + ".-1 0", w + ".1 0" + strings.Repeat(" "+writerNamed(2)+".1.2.3", maxChanges+1)} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		own, before, forgotten, ok := decodeChanges(header)
		b := baseOf(&jetstream.RawStreamMsg{Sequence: 9, Header: nats.Header{headerChanges: {header}}})
		if !ok {
			if _, known := b.find(change{w, 1}, 8); known || len(b.before) > 0 {
				t.Error("something is known by", header)
			}
			return
		}
		again, rest, upTo, ok := decodeChanges(base{before: before, forgotten: forgotten}.header(own))
		if !ok || again != own || upTo != forgotten || len(rest) > len(before) || len(b.before) > maxChanges {
			t.Error(header, again, rest, upTo, ok)
		}
	})
}
