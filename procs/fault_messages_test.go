//go:build linux

package procs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/bench/testenv"
	"switchyard/procs/internal/proctest"
)

// mail is what the processes of TestFaultMessages share: something that
// carries messages, one of the four, and a log of what became of each.
type mail struct {
	Out, In  *Conn
	Queue    *Queue[[]byte]
	Joinable *JoinableQueue[[]byte]
	Simple   *SimpleQueue[[]byte]

	Log  *Array[uint32]   // for each message of each sender: its fate
	Done *RawArray[int64] // by actor: its messages
	Me   int              // of the actors
	Seed uint64
	Who  int // of the senders
	Cut  bool
}

// The log of a message holds what its sender knows, and how often it was
// received whole.
const (
	mailTried  = 1 << 8 // perhaps on its way
	mailSent   = 1 << 9
	mailFailed = 1 << 10 // the sender was told so
	mailCount  = 0xff

	mailSenders   = 3
	mailReceivers = 2  // that may die
	mailMessages  = 60 // of each sender
)

func (m *mail) log(who, seq int) *uint32 { return &m.Log.Raw()[who*mailMessages+seq] }

func (m *mail) done() *int64 { return &m.Done.Raw()[m.Me] }

// letter is a message, whose bytes all depend on who sent it and which it is.
func letter(who, seq, n int) []byte {
	b := make([]byte, 16, 16+n)
	binary.LittleEndian.PutUint32(b, uint32(who))
	binary.LittleEndian.PutUint32(b[4:], uint32(seq))
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
	return append(b, bytes.Repeat([]byte{byte(who*101 + seq*7 + n)}, n)...)
}

// open returns who sent a letter and which it is, if it is whole.
func openLetter(b []byte) (who, seq int, err error) {
	if len(b) >= 16 {
		who, seq = int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:]))
		n := int(binary.LittleEndian.Uint64(b[8:]))
		if who < mailSenders && seq < mailMessages && n == len(b)-16 && bytes.Count(b[16:], []byte{byte(who*101 + seq*7 + n)}) == n {
			return who, seq, nil
		}
	}
	return 0, 0, fmt.Errorf("nobody sent these %d bytes, which begin with %x", len(b), b[:min(len(b), 32)])
}

// send sends all letters of one sender. Some get so little time that they may
// not be sent; the end is closed under the last one's feet if it is to be cut.
func (m *mail) send() error {
	r := rand.New(rand.NewPCG(m.Seed, uint64(m.Who)))
	sizes := []int{0, 100, 3000, 30_000, 70_000, 200_000}
	if m.Out != nil {
		sizes = append(sizes, 1<<20, 5<<20)
	}
	for seq := range mailMessages {
		n := sizes[r.IntN(len(sizes))]
		n -= r.IntN(n/2 + 1)
		limit := time.Duration(-1)
		if r.IntN(3) == 0 {
			limit = time.Duration(r.IntN(3000)) * time.Microsecond
		}
		if r.IntN(20) == 0 {
			nap(r)
		}
		fate := m.log(m.Who, seq)
		atomic.StoreUint32(fate, mailTried)
		if m.Cut && seq == mailMessages-1 {
			time.AfterFunc(time.Duration(r.IntN(500))*time.Microsecond, func() { m.close() })
		}
		err := m.put(letter(m.Who, seq, n), limit)
		atomic.AddInt64(m.done(), 1)
		known := uint32(mailSent)
		if err != nil {
			known = mailFailed
		}
		atomic.OrUint32(fate, known)
		if m.Out != nil && n > 64<<10 && errors.Is(err, syscall.EPIPE) {
			continue // who was receiving it was killed: a long message has one receiver
		}
		if but(err, os.ErrDeadlineExceeded, ErrFull) != nil && (!m.Cut || !errors.Is(err, os.ErrClosed) && !errors.Is(err, ErrClosed)) {
			return fmt.Errorf("message %d: %w", seq, err)
		}
	}
	return nil
}

func (m *mail) close() {
	if m.Out != nil {
		m.Out.Close()
	}
	if q := m.queue(); q != nil {
		q.Close()
	}
}

// queue returns the queue of any kind, nil if there is none.
func (m *mail) queue() *Queue[[]byte] {
	switch {
	case m.Joinable != nil:
		return &m.Joinable.queue
	case m.Simple != nil:
		return &m.Simple.queue
	}
	return m.Queue
}

// put sends one letter, within the limit if that is not negative.
func (m *mail) put(b []byte, limit time.Duration) error {
	if m.Out != nil {
		m.Out.SetDeadline(time.Time{})
		if limit >= 0 {
			m.Out.SetDeadline(time.Now().Add(limit))
		}
		return m.Out.SendBytes(b)
	}
	if limit >= 0 {
		return m.queue().PutTimeout(b, limit)
	}
	return m.queue().Put(context.Background(), b)
}

// receive takes letters until there will be no more, and returns how many came
// after a later one of the same sender.
func (m *mail) receive(r *rand.Rand) (late int, err error) {
	var last [mailSenders]int
	for {
		b, err := m.get(r)
		if err == io.EOF || err == ErrClosed {
			return late, nil
		}
		if but(err, os.ErrDeadlineExceeded, ErrEmpty) != nil {
			return late, err
		}
		if err != nil {
			continue
		}
		who, seq, err := openLetter(b)
		if err != nil {
			return late, err
		}
		atomic.AddUint32(m.log(who, seq), 1)
		atomic.AddInt64(m.done(), 1)
		if seq+1 <= last[who] {
			late++
		}
		last[who] = max(last[who], seq+1)
		if m.Joinable != nil {
			if err := m.Joinable.TaskDone(); err != nil {
				return late, err
			}
		}
		if r.IntN(10) == 0 {
			nap(r)
		}
	}
}

// get takes one letter, or is out of time.
func (m *mail) get(r *rand.Rand) ([]byte, error) {
	limit := napFor(r)
	switch {
	case m.In != nil:
		m.In.SetDeadline(time.Time{})
		if r.IntN(2) == 0 {
			m.In.SetDeadline(time.Now().Add(limit))
		}
		return m.In.RecvBytes(0)
	case r.IntN(2) == 0:
		return m.queue().GetTimeout(limit)
	}
	return m.queue().Get(context.Background())
}

var (
	testMailSend = Register("test.mail.send", func(_ context.Context, m mail) (int, error) { return 0, m.send() })
	testMailRecv = Register("test.mail.receive", func(_ context.Context, m mail) (int, error) {
		late, err := m.receive(rand.New(rand.NewPCG(m.Seed, 99)))
		if err == nil && late > 0 && (m.In == nil || late > mailReceivers) { // see playMail
			err = fmt.Errorf("%d messages came after later ones of the same sender", late)
		}
		return 0, err
	})
)

// TestFaultMessages lets processes send and receive through one end of a pipe,
// or one queue, while deadlines and Close cut their calls and some are killed.
// What each sender was told, and wrote down, is the model: every message that
// was sent comes whole, once, and in the order of its sender; one that was not
// does not come. A dead process may take along what it was receiving. A failure
// names its seed; PROCS_MONKEY repeats its plan, as far as processes do the
// same twice. PROCS_FAULTS=long (make faults) asks for a minute.
func TestFaultMessages(t *testing.T) {
	seed, lasts := rand.Uint64(), 3*time.Second
	if longFaults {
		lasts = time.Minute
	}
	if s := testenv.Asked("PROCS_MONKEY"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	var sum mailResult
	rounds := 0
	for end := time.Now().Add(lasts); rounds < 4 || time.Now().Before(end) && !t.Failed(); seed++ {
		r := playMail(t, seed, []string{"pipe", "queue", "joinable", "simple"}[rounds%4])
		sum.sent += r.sent
		sum.failed += r.failed
		sum.lost += r.lost
		rounds++
	}
	t.Logf("%d rounds: %d sent, %d not, %d lost with their receivers", rounds, sum.sent, sum.failed, sum.lost)
}

type mailResult struct{ sent, failed, lost int }

// playMail is one round.
func playMail(t *testing.T, seed uint64, over string) (result mailResult) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("PROCS_MONKEY=%d: %s: %s", seed, over, fmt.Sprintf(format, args...))
	}
	m := mail{Log: must(NewArray[uint32](mailSenders * mailMessages))(t), Done: must(NewRawArray[int64](mailReceivers + mailSenders + 1))(t)}
	defer m.Log.Close()
	defer m.Done.Close()
	var in *Conn
	switch over {
	case "pipe":
		in, m.Out = testPipePair(t, OneWay)
	case "queue":
		m.Queue = must(NewQueue[[]byte](5))(t)
	case "joinable":
		m.Joinable = must(NewJoinableQueue[[]byte](5))(t)
	case "simple":
		m.Simple = must(NewSimpleQueue[[]byte]())(t)
	}
	start := func(f *Func[mail, int], m mail) (*Process, *bytes.Buffer) {
		out := new(bytes.Buffer)
		p := NewProcess(f, m, ProcessConfig{Stderr: out})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		return p, out
	}
	var killers sync.WaitGroup
	mayDie := func(p *Process, done *int64) bool {
		if r.IntN(2) == 0 {
			return false
		}
		after := max(0, r.IntN(mailMessages*2/3)-5) // some before they begin
		killers.Go(func() { proctest.After(t, p, done, after); p.Kill() })
		return true
	}
	type actor struct {
		*Process
		stderr *bytes.Buffer
		doomed bool
	}
	var senders, receivers []actor
	add := func(to *[]actor, f *Func[mail, int], m mail) {
		m.Me = len(receivers) + len(senders) + 1
		p, out := start(f, m)
		*to = append(*to, actor{p, out, mayDie(p, m.done())})
	}
	for range mailReceivers {
		theirs := m
		theirs.Out, theirs.In, theirs.Seed = nil, in, r.Uint64()
		add(&receivers, testMailRecv, theirs)
	}
	for who := range mailSenders {
		theirs := m
		theirs.Who, theirs.Seed, theirs.Cut = who, r.Uint64(), r.IntN(2) == 0
		add(&senders, testMailSend, theirs)
	}
	// We receive as well, and live.
	mine := m
	mine.Out, mine.In = nil, in
	ours := make(chan error, 1)
	late := 0
	own := rand.New(rand.NewPCG(seed, 8))
	go func() {
		var err error
		late, err = mine.receive(own)
		ours <- err
	}()
	if m.Out != nil {
		m.Out.Close()
	}
	settle := func(as []actor) (dead int) {
		for _, a := range as {
			ctx, cancel := context.WithTimeout(context.Background(), 3*tooLong)
			if err := a.Join(ctx); err != nil {
				a.Signal(syscall.SIGQUIT) // where does it hang?
				a.Join(context.Background())
				fail("%v\n%s", err, a.stderr)
			}
			cancel()
			code, _ := a.ExitCode()
			if code == -int(syscall.SIGKILL) && a.doomed {
				dead++
			} else if code != 0 {
				fail("exit code %d\n%s", code, a.stderr)
			}
		}
		return dead
	}
	settle(senders)
	if q := m.queue(); q != nil {
		q.ShutDown(false)
	}
	killed := settle(receivers)
	killers.Wait()
	select {
	case err := <-ours:
		if err != nil {
			fail("we: %v", err)
		}
	case <-time.After(3 * tooLong):
		fail("we receive for ever")
		return
	}
	// What was handed to a receiver that died may come to us after later ones.
	if late > 0 && (over != "pipe" || late > killed) {
		fail("%d messages came after later ones of the same sender, %d receivers died", late, killed)
	}
	for i, fate := range m.Log.Raw() {
		count := fate & mailCount
		switch {
		case count > 1:
			fail("message %d of sender %d came %d times", i%mailMessages, i/mailMessages, count)
		case count == 1 && fate&mailFailed != 0:
			fail("message %d of sender %d came, and its sender had an error", i%mailMessages, i/mailMessages)
		case count == 0 && fate&mailSent != 0:
			result.lost++
		}
		if fate&mailSent != 0 {
			result.sent++
		}
		if fate&mailFailed != 0 {
			result.failed++
		}
	}
	if result.lost > killed {
		fail("%d messages were lost with %d receivers", result.lost, killed)
	}
	if m.Joinable != nil {
		if err := m.Joinable.Join(soon(t)); but(err, ErrTaskLost) != nil || m.Joinable.Unfinished() != 0 {
			fail("join: %v, %d unfinished", err, m.Joinable.Unfinished())
		}
	}
	if in != nil {
		in.Close()
	}
	m.close()
	return result
}
