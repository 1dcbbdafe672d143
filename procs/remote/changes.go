package remote

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// change is one change of a dictionary, by its writer and the writer's count.
// A writer makes one change at a time: when it makes the next one, it knows
// what became of the one before. So who keeps the last change of each writer
// can tell whether a change was made whose answer was lost.
type change struct {
	writer string
	n      uint64
}

// made is a change with what came of it.
type made struct {
	change
	revision uint64
	at       int64 // seconds since 1970, by the server's clock
}

// base is what a key has before a change: every message of a dictionary says in
// a header which change it is, and which ones came before, since the server
// keeps the last message of a key alone, and of what it was told before, once
// it was started anew, nothing. A change is made only on the base that it was
// made for.
type base struct {
	revision  uint64 // 0: none
	before    []made // the last change of each writer, in order
	forgotten uint64 // up to this revision there were more
}

const (
	headerChanges = "Switchyard-Changes"
	maxChanges    = 64                                   // in a header
	changesAge    = int64(2 * time.Minute / time.Second) // of changes in a header, before the last one
	writerLength  = 13                                   // 65 bits
)

// baseOf returns what the last message of a key, nil if there is none, says.
func baseOf(m *jetstream.RawStreamMsg) (b base) {
	if m == nil {
		return b
	}
	own, before, forgotten, ok := decodeChanges(m.Header.Get(headerChanges))
	b = base{revision: m.Sequence, before: before, forgotten: forgotten}
	if !ok { // somebody else's
		b.before, b.forgotten = nil, m.Sequence
		return b
	}
	b.forget(own.writer)
	b.before = append(b.before, made{own, m.Sequence, m.Time.Unix()})
	for len(b.before) > maxChanges || b.before[0].at < m.Time.Unix()-changesAge {
		b.forgotten = max(b.forgotten, b.before[0].revision)
		b.before = b.before[1:]
	}
	return b
}

// forget removes what it says of a writer, who knows it himself.
func (b *base) forget(writer string) {
	b.before = slices.DeleteFunc(b.before, func(m made) bool { return m.writer == writer })
}

// header returns the header of a change that is made on the base.
func (b base) header(c change) string {
	h := fmt.Appendf(nil, "%s.%s %s", c.writer, strconv.FormatUint(c.n, 36), strconv.FormatUint(b.forgotten, 36))
	for _, m := range b.before {
		if m.writer != c.writer {
			h = fmt.Appendf(h, " %s.%s.%s.%s", m.writer, strconv.FormatUint(m.n, 36), strconv.FormatUint(m.revision, 36), strconv.FormatInt(m.at, 36))
		}
	}
	return string(h)
}

// find returns the revision that a change has made, 0 if it was not made. If it
// was to be made on a revision since which some may be forgotten, nobody knows.
func (b base) find(c change, on uint64) (revision uint64, known bool) {
	for _, m := range b.before {
		if m.change == c {
			return m.revision, true
		}
	}
	return 0, b.forgotten <= on
}

func decodeChanges(header string) (own change, before []made, forgotten uint64, ok bool) {
	parts := strings.Split(header, " ")
	if len(parts) < 2 || len(parts) > 2+maxChanges {
		return own, nil, 0, false
	}
	var numbers []uint64
	if own.writer, numbers, ok = decodeChange(parts[0], 1); !ok {
		return own, nil, 0, false
	}
	own.n = numbers[0]
	forgotten, err := strconv.ParseUint(parts[1], 36, 64)
	if err != nil {
		return own, nil, 0, false
	}
	for _, part := range parts[2:] {
		writer, numbers, ok := decodeChange(part, 3)
		if !ok {
			return own, nil, 0, false
		}
		before = append(before, made{change{writer, numbers[0]}, numbers[1], int64(numbers[2])})
	}
	return own, before, forgotten, true
}

// decodeChange decodes a writer with numbers.
func decodeChange(text string, n int) (writer string, numbers []uint64, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 1+n || len(parts[0]) != writerLength {
		return "", nil, false
	}
	for _, part := range parts[1:] {
		number, err := strconv.ParseUint(part, 36, 64)
		if err != nil {
			return "", nil, false
		}
		numbers = append(numbers, number)
	}
	return parts[0], numbers, true
}

// writers are those of a program, of which each makes one change at a time.
type writers struct {
	mu   sync.Mutex
	idle []change // the last of each
}

// begin returns the change that is made now, by a writer that is idle.
func (w *writers) begin() change {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := change{}
	if n := len(w.idle); n > 0 {
		c, w.idle = w.idle[n-1], w.idle[:n-1]
	} else {
		c.writer = rand.Text()[:writerLength]
	}
	c.n++
	return c
}

func (w *writers) end(c change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, c)
}
