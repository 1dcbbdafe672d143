package hub

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Random programs over everything that greenlets wait in, beside a sequential
// model of it: who is woken, in which order, with what. A program is a list of
// steps drawn from a seed and run by the main greenlet; each step starts an
// actor, which makes one call, or kills one, or lets time pass, or gives the
// others a turn. The model decides the result of a call in the moment in which
// somebody, the call itself included, settles it; what the actor gets later
// must be that. Time passes by expire, so a program runs the same way every
// time.
//
// A failure prints its seed and the steps that are needed; to run it alone:
//
//	go test -run TestWaitListsAgainstModel ./greenlet/hub -hub.seed N

var oracleSeed = flag.Uint64("hub.seed", 0, "the one program of TestWaitListsAgainstModel to run")

func TestWaitListsAgainstModel(t *testing.T) {
	programs := uint64(4000)
	if testing.Short() || raceEnabled {
		programs = 600
	}
	if *oracleSeed != 0 {
		runProgram(t, *oracleSeed)
		return
	}
	for seed := uint64(1); seed <= programs && !t.Failed(); seed++ {
		runProgram(t, seed)
	}
	// And some that nobody has run before.
	fresh := uint64(time.Now().UnixNano())
	for seed := fresh; seed < fresh+programs/10 && !t.Failed(); seed++ {
		runProgram(t, seed)
	}
}

func runProgram(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 9))
	kind := subjectKinds[rnd.IntN(len(subjectKinds))]
	steps := make([]step, 5+rnd.IntN(40))
	for i := range steps {
		steps[i] = drawStep(rnd)
	}
	err := playProgram(kind, steps)
	if err == nil {
		return
	}
	for again := true; again; { // leave out what is not needed
		again = false
		for i := 0; i < len(steps); i++ {
			less := slices.Delete(slices.Clone(steps), i, i+1)
			if e := playProgram(kind, less); e != nil {
				steps, err, again = less, e, true
				i--
			}
		}
	}
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "\n\t%v", s)
	}
	t.Errorf("-hub.seed %d, %s: %v; steps:%s", seed, kind, err, b.String())
}

type verb int

const (
	start   verb = iota // an actor that makes call op of the subject
	call0               // main makes the call itself, without waiting
	kill                // an actor
	release             // an actor that holds something lets go
	pass                // hours
	yield
	settle // yield until nobody is ready
	verbs
)

type step struct {
	verb    verb
	op      int
	who     int
	limit   int // of the call, in hours; negative: none
	timeout int // around the call, in hours; 0: none
	arg     int
}

func (s step) String() string {
	name := [...]string{"start", "try", "kill", "release", "pass", "yield", "settle"}[s.verb]
	return fmt.Sprintf("%s op=%d who=%d limit=%d timeout=%d arg=%d", name, s.op, s.who, s.limit, s.timeout, s.arg)
}

func drawStep(rnd *rand.Rand) step {
	s := step{op: rnd.IntN(100), who: rnd.IntN(100), arg: rnd.IntN(20), limit: -1}
	switch n := rnd.IntN(20); {
	case n < 8:
		s.verb = start
	case n < 10:
		s.verb = call0
	case n < 12:
		s.verb = kill
	case n < 14:
		s.verb = release
	case n < 15:
		s.verb = pass
	case n < 19:
		s.verb = yield
	default:
		s.verb = settle
	}
	if rnd.IntN(2) == 0 {
		s.limit = rnd.IntN(4)
	}
	if rnd.IntN(4) == 0 {
		s.timeout = 1 + rnd.IntN(3)
	}
	return s
}

// An actor makes one call.
type actor struct {
	step
	name    string
	g       *Greenlet
	try     bool
	state   actorState
	late    error // what its call returns when its limit has passed
	want    error
	wantV   int
	g2      *Greenlet // that it spawned into a pool
	gate    *Event    // opened: it lets go of what it holds
	holding bool
}

type actorState int

const (
	unborn actorState = iota
	waiting
	decided
	ended
)

func (a *actor) settle(v int, err error) { a.state, a.wantV, a.want = decided, v, err }

// A queueUp is a model's list of waiting actors.
type queueUp []*actor

// wait makes a wait, or not if it may not.
func (q *queueUp) wait(a *actor) {
	if a.try {
		a.settle(0, a.late)
		return
	}
	a.state = waiting
	*q = append(*q, a)
}

func (q *queueUp) pop() *actor {
	a := (*q)[0]
	*q = (*q)[1:]
	return a
}

func (q *queueUp) leave(a *actor) {
	if i := slices.Index(*q, a); i >= 0 {
		*q = slices.Delete(slices.Clone(*q), i, i+1)
	}
}

// A subject is a thing and the model of it.
type subject interface {
	begin(a *actor)                                // the model's part of the call
	do(a *actor, d time.Duration) (v int, e error) // the call
	leave(a *actor)                                // a does not wait any more
	let(a *actor)                                  // the model's part of letting go
	free(a *actor)                                 // letting go
	differs() string                               // how the thing's state differs from the model's
}

var subjectKinds = []string{"channel", "queue", "lifo", "priority", "joinable", "semaphore", "rlock", "event", "result", "pool"}

func newSubject(h *Hub, kind string, w *world) subject {
	switch kind {
	case "channel":
		return &channelSubject{c: NewChannel[int](h)}
	case "queue":
		q := NewQueue[int](h, 2)
		return &queueSubject{q: q, b: &q.buffer, cap: 2, pick: fifo}
	case "lifo":
		q := NewLifoQueue[int](h, 1)
		return &queueSubject{q: q, b: &q.buffer, cap: 1, pick: func(s []int) int { return len(s) - 1 }}
	case "priority":
		q := NewPriorityQueue(h, 3, func(a, b int) bool { return a < b })
		return &queueSubject{q: q, b: &q.buffer, cap: 3, pick: func(s []int) int { return slices.Index(s, slices.Min(s)) }}
	case "joinable":
		q := NewJoinableQueue[int](h, 1)
		return &queueSubject{q: q, b: &q.buffer, j: q, cap: 1, pick: fifo}
	case "semaphore":
		return &semaphoreSubject{s: NewSemaphore(h, 1), n: 1}
	case "rlock":
		return &rlockSubject{l: NewRLock(h)}
	case "event":
		return &eventSubject{e: NewEvent(h)}
	case "result":
		return &resultSubject{r: NewAsyncResult[int](h)}
	}
	return &poolSubject{p: NewPool(h, 2), w: w, n: 2}
}

func fifo([]int) int { return 0 }

type world struct {
	h      *Hub
	s      subject
	actors []*actor
	hour   int
	err    error
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

var errKilled = errors.New("killed by the program")

func playProgram(kind string, steps []step) error {
	w := &world{}
	err := Run(func(h *Hub) error {
		w.h = h
		w.s = newSubject(h, kind, w)
		for i, s := range steps {
			w.take(i, s)
			if w.err != nil {
				break
			}
		}
		w.take(len(steps), step{verb: settle})
		return nil
	})
	return firstOf(w.err, err)
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (w *world) take(i int, s step) {
	h := w.h
	switch s.verb {
	case start, call0:
		a := &actor{step: s, name: fmt.Sprintf("actor %d of step %d", len(w.actors), i), try: s.verb == call0, gate: NewEvent(h)}
		if a.try {
			w.act(a, 0)
			return
		}
		w.actors = append(w.actors, a)
		d := time.Duration(-1)
		if s.limit >= 0 {
			d = time.Duration(s.limit) * time.Hour
		}
		a.g = h.Spawn(func() error { w.act(a, d); return nil })
	case kill:
		if a := w.pick(s.who); a != nil {
			a.g.KillWith(errKilled, 0)
			switch a.state {
			case unborn:
				a.state = ended
			case waiting:
				w.s.leave(a)
				a.settle(0, errKilled)
			}
		}
	case release:
		var holders []*actor
		for _, a := range w.actors {
			if a.holding {
				holders = append(holders, a)
			}
		}
		if len(holders) > 0 {
			holders[s.who%len(holders)].gate.Set()
		}
	case pass:
		w.hour += 1 + s.arg%2
		w.expired()
		h.expire(instant{int64(time.Duration(w.hour)*time.Hour + 30*time.Minute)})
	case yield:
		h.Yield()
	case settle:
		w.rest()
	}
}

// pick returns an actor that has not ended.
func (w *world) pick(n int) *actor {
	var alive []*actor
	for _, a := range w.actors {
		if a.state != ended {
			alive = append(alive, a)
		}
	}
	if len(alive) == 0 {
		return nil
	}
	return alive[n%len(alive)]
}

// expired is the model's part of time passing. (Clocks begin when a call does:
// the hub is never an hour old, so all limits count from hour zero.)
func (w *world) expired() {
	for _, a := range w.actors {
		if a.state != waiting {
			continue
		}
		limit, timeout := a.limit > 0 && a.limit <= w.hour, a.timeout > 0 && a.timeout <= w.hour
		switch {
		case timeout && (!limit || a.timeout <= a.limit):
			w.s.leave(a)
			a.settle(0, ErrTimeout)
		case limit:
			w.s.leave(a)
			a.settle(0, a.late)
		}
	}
}

// act is an actor's call, in the model and in fact.
func (w *world) act(a *actor, d time.Duration) {
	if a.timeout > 0 && !a.try {
		limit := w.h.StartTimeout(time.Duration(a.timeout) * time.Hour)
		defer limit.Cancel()
	}
	w.s.begin(a)
	v, err := w.s.do(a, d)
	if w.h.closing {
		return
	}
	if a.state == waiting && d == 0 {
		w.s.leave(a)
		a.settle(0, a.late)
	}
	var limit *Timeout
	if errors.As(err, &limit) {
		err = ErrTimeout
	}
	switch {
	case a.state != decided:
		w.fail("%s returned %d, %v, and should wait", a.name, v, err)
	case err != a.want || err == nil && v != a.wantV:
		w.fail("%s got %d, %v, want %d, %v", a.name, v, err, a.wantV, a.want)
	}
	if a.holding {
		if a.try {
			w.s.let(a)
			w.s.free(a)
			a.holding = false
		} else {
			a.gate.Wait()
			a.holding = false
			w.s.let(a)
			w.s.free(a)
		}
	}
	a.state = ended
}

// rest gives turns until nobody is ready, and compares.
func (w *world) rest() {
	for range 1000 {
		w.h.Yield()
		if w.h.head == nil && len(w.h.calls) == 0 {
			break
		}
	}
	for _, a := range w.actors {
		if a.state == decided && !a.holding || a.state == unborn {
			w.fail("%s waits, and should have got %d, %v", a.name, a.wantV, a.want)
		}
	}
	if d := w.s.differs(); d != "" {
		w.fail("%s", d)
	}
}

// channelSubject: put and get.
type channelSubject struct {
	c             *Channel[int]
	givers, takes queueUp
}

func (s *channelSubject) begin(a *actor) {
	if a.op%2 == 0 {
		a.late = ErrFull
		if len(s.takes) > 0 {
			s.takes.pop().settle(a.arg, nil)
			a.settle(0, nil)
		} else {
			s.givers.wait(a)
		}
		return
	}
	a.late = ErrEmpty
	if len(s.givers) > 0 {
		g := s.givers.pop()
		g.settle(0, nil)
		a.settle(g.arg, nil)
	} else {
		s.takes.wait(a)
	}
}

func (s *channelSubject) do(a *actor, d time.Duration) (int, error) {
	switch {
	case a.op%2 == 0 && a.try:
		return 0, s.c.TryPut(a.arg)
	case a.op%2 == 0:
		return 0, s.c.PutTimeout(a.arg, d)
	case a.try:
		return s.c.TryGet()
	}
	return s.c.GetTimeout(d)
}

func (s *channelSubject) leave(a *actor) { s.givers.leave(a); s.takes.leave(a) }
func (s *channelSubject) let(*actor)     {}
func (s *channelSubject) free(*actor)    {}

func (s *channelSubject) differs() string {
	if n := len(s.givers) - len(s.takes); s.c.Len() != n {
		return fmt.Sprintf("Len %d, want %d", s.c.Len(), n)
	}
	return ""
}

// queueSubject: put, get, peek, shut down, and of a JoinableQueue join and
// done.
type queueSubject struct {
	q interface {
		PutTimeout(int, time.Duration) error
		TryPut(int) error
		ShutDown(bool)
	}
	b    *buffer[int]
	j    *JoinableQueue[int]
	cap  int
	pick func([]int) int

	items                  []int
	getters, putters, join queueUp
	unfinished             int
	down                   bool
}

const (
	qPut = iota
	qGet
	qPeek
	qShut
	qShutNow
	qJoin
	qDone
)

func (s *queueSubject) opOf(a *actor) int {
	switch n := a.op; {
	case n < 40:
		return qPut
	case n < 75:
		return qGet
	case n < 85:
		return qPeek
	case n < 86:
		return qShut
	case n < 87:
		return qShutNow
	case s.j == nil:
		return qGet
	case n < 94:
		return qJoin
	}
	return qDone
}

func (s *queueSubject) enter(v int) {
	s.unfinished++
	for len(s.getters) > 0 {
		g := s.getters.pop()
		g.settle(v, nil)
		if s.opOf(g) == qGet {
			return
		}
	}
	s.items = append(s.items, v)
}

func (s *queueSubject) begin(a *actor) {
	switch op := s.opOf(a); op {
	case qPut:
		a.late = ErrFull
		switch {
		case s.down:
			a.settle(0, ErrShutDown)
		case len(s.items) < s.cap:
			s.enter(a.arg)
			a.settle(0, nil)
		default:
			s.putters.wait(a)
		}
	case qGet, qPeek:
		a.late = ErrEmpty
		switch {
		case len(s.items) > 0:
			i := s.pick(s.items)
			a.settle(s.items[i], nil)
			if op == qPeek {
				return
			}
			s.items = slices.Delete(s.items, i, i+1)
			if len(s.putters) > 0 {
				p := s.putters.pop()
				s.enter(p.arg)
				p.settle(0, nil)
			}
		case s.down:
			a.settle(0, ErrShutDown)
		default:
			s.getters.wait(a)
		}
	case qShut, qShutNow:
		s.down = true
		for len(s.putters) > 0 {
			s.putters.pop().settle(0, ErrShutDown)
		}
		for len(s.getters) > 0 {
			s.getters.pop().settle(0, ErrShutDown)
		}
		if op == qShutNow {
			s.unfinished = max(s.unfinished-len(s.items), 0)
			s.items = nil
		}
		s.joined()
		a.settle(0, nil)
	case qJoin:
		a.late = ErrTimeout
		if s.unfinished == 0 {
			a.settle(0, nil)
		} else {
			a.try = false // JoinTimeout(0) has a turn, main's too
			s.join.wait(a)
		}
	case qDone:
		if s.unfinished > 0 {
			s.unfinished--
		}
		s.joined()
		a.settle(0, nil)
	}
}

func (s *queueSubject) joined() {
	for s.unfinished == 0 && len(s.join) > 0 {
		s.join.pop().settle(0, nil)
	}
}

func (s *queueSubject) do(a *actor, d time.Duration) (int, error) {
	switch s.opOf(a) {
	case qPut:
		if a.try {
			return 0, s.q.TryPut(a.arg)
		}
		return 0, s.q.PutTimeout(a.arg, d)
	case qGet:
		if a.try {
			return s.b.TryGet()
		}
		return s.b.GetTimeout(d)
	case qPeek:
		if a.try {
			return s.b.TryPeek()
		}
		return s.b.PeekTimeout(d)
	case qShut:
		s.q.ShutDown(false)
	case qShutNow:
		s.q.ShutDown(true)
	case qJoin:
		return 0, s.j.JoinTimeout(d)
	case qDone:
		if s.j.Unfinished() > 0 {
			s.j.TaskDone()
		}
	}
	return 0, nil
}

func (s *queueSubject) leave(a *actor) { s.getters.leave(a); s.putters.leave(a); s.join.leave(a) }
func (s *queueSubject) let(*actor)     {}
func (s *queueSubject) free(*actor)    {}

func (s *queueSubject) differs() string {
	switch {
	case s.b.Len() != len(s.items) || s.b.Empty() != (len(s.items) == 0) || s.b.Full() != (len(s.items) >= s.cap):
		return fmt.Sprintf("Len %d, Empty %v, Full %v, want %d of %d", s.b.Len(), s.b.Empty(), s.b.Full(), len(s.items), s.cap)
	case s.j != nil && s.j.Unfinished() != s.unfinished:
		return fmt.Sprintf("Unfinished %d, want %d", s.j.Unfinished(), s.unfinished)
	}
	return ""
}

// semaphoreSubject: acquire, and release.
type semaphoreSubject struct {
	s *Semaphore
	n int
	q queueUp
}

func (s *semaphoreSubject) begin(a *actor) {
	a.late = ErrTimeout
	switch {
	case a.op%3 == 0 && len(s.q) > 0:
		s.q.pop().settle(0, nil)
		a.settle(0, nil)
	case a.op%3 == 0:
		s.n++
		a.settle(0, nil)
	case s.n > 0:
		s.n--
		a.settle(0, nil)
	default:
		s.q.wait(a)
	}
}

func (s *semaphoreSubject) do(a *actor, d time.Duration) (int, error) {
	switch {
	case a.op%3 == 0:
		s.s.Release()
		return 0, nil
	case !a.try:
		return 0, s.s.AcquireTimeout(d)
	case s.s.TryAcquire():
		return 0, nil
	}
	return 0, ErrTimeout
}

func (s *semaphoreSubject) leave(a *actor) { s.q.leave(a) }
func (s *semaphoreSubject) let(*actor)     {}
func (s *semaphoreSubject) free(*actor)    {}

func (s *semaphoreSubject) differs() string {
	if s.s.Count() != s.n || s.s.Locked() != (s.n == 0) || s.s.Ready() != (s.n > 0) {
		return fmt.Sprintf("Count %d, Locked %v, want %d", s.s.Count(), s.s.Locked(), s.n)
	}
	return ""
}

// rlockSubject: acquire once or twice, hold, let go.
type rlockSubject struct {
	l    *RLock
	held bool
	q    queueUp
}

func (s *rlockSubject) begin(a *actor) {
	a.late = ErrTimeout
	if s.held {
		s.q.wait(a)
	} else {
		s.held = true
		a.settle(0, nil)
	}
}

func (s *rlockSubject) do(a *actor, d time.Duration) (int, error) {
	var err error
	if !a.try {
		err = s.l.AcquireTimeout(d)
	} else if !s.l.TryAcquire() {
		err = ErrTimeout
	}
	if a.holding = err == nil; a.holding && a.arg%2 == 0 {
		err = s.l.Acquire()
		s.l.Release()
	}
	return 0, err
}

func (s *rlockSubject) leave(a *actor) { s.q.leave(a) }

func (s *rlockSubject) let(*actor) {
	if s.held = len(s.q) > 0; s.held {
		s.q.pop().settle(0, nil)
	}
}

func (s *rlockSubject) free(*actor) { s.l.Release() }

func (s *rlockSubject) differs() string {
	if s.l.Locked() != s.held {
		return fmt.Sprintf("Locked %v, want %v", s.l.Locked(), s.held)
	}
	return ""
}

// eventSubject: wait, set, clear.
type eventSubject struct {
	e   *Event
	set bool
	q   queueUp
}

func (s *eventSubject) begin(a *actor) {
	a.late = ErrTimeout
	switch {
	case a.op%4 == 0:
		s.set = true
		for len(s.q) > 0 {
			s.q.pop().settle(0, nil)
		}
		a.settle(0, nil)
	case a.op%4 == 1:
		s.set = false
		a.settle(0, nil)
	case s.set:
		a.settle(0, nil)
	default:
		a.try = false
		s.q.wait(a)
	}
}

func (s *eventSubject) do(a *actor, d time.Duration) (int, error) {
	switch a.op % 4 {
	case 0:
		s.e.Set()
		return 0, nil
	case 1:
		s.e.Clear()
		return 0, nil
	}
	return 0, s.e.WaitTimeout(d)
}

func (s *eventSubject) leave(a *actor) { s.q.leave(a) }
func (s *eventSubject) let(*actor)     {}
func (s *eventSubject) free(*actor)    {}

func (s *eventSubject) differs() string {
	if s.e.IsSet() != s.set || s.e.Ready() != s.set {
		return fmt.Sprintf("IsSet %v, want %v", s.e.IsSet(), s.set)
	}
	return ""
}

// resultSubject: get, set.
type resultSubject struct {
	r   *AsyncResult[int]
	set bool
	v   int
	q   queueUp
}

func (s *resultSubject) begin(a *actor) {
	a.late = ErrTimeout
	switch {
	case a.op%5 == 0:
		s.set, s.v = true, a.arg
		for len(s.q) > 0 {
			s.q.pop().settle(0, nil)
		}
		a.settle(0, nil)
	case s.set:
		a.settle(0, nil)
	default:
		a.try = false
		s.q.wait(a)
	}
}

func (s *resultSubject) do(a *actor, d time.Duration) (int, error) {
	if a.op%5 == 0 {
		s.r.Set(a.arg)
		return 0, nil
	}
	v, err := s.r.GetTimeout(d)
	a.wantV = s.v // the newest
	return v, err
}

func (s *resultSubject) leave(a *actor) { s.q.leave(a) }
func (s *resultSubject) let(*actor)     {}
func (s *resultSubject) free(*actor)    {}

func (s *resultSubject) differs() string {
	if s.r.Ready() != s.set || s.r.Successful() != s.set {
		return fmt.Sprintf("Ready %v, want %v", s.r.Ready(), s.set)
	}
	return ""
}

// poolSubject: spawn a greenlet that lasts until it is told to end.
type poolSubject struct {
	p *Pool
	w *world
	n int // free places
	q queueUp
}

func (s *poolSubject) begin(a *actor) {
	a.late = ErrFull
	if s.n > 0 {
		s.n--
		a.settle(0, nil)
	} else {
		s.q.wait(a)
	}
}

func (s *poolSubject) do(a *actor, d time.Duration) (int, error) {
	child := NewEvent(s.w.h)
	f := func() error { return child.Wait() }
	var g *Greenlet
	var err error
	if a.try {
		g, err = s.p.TrySpawn(f)
	} else {
		g, err = s.p.SpawnTimeout(d, f)
	}
	if a.holding = err == nil; a.holding {
		a.g2 = g
	}
	return 0, err
}

func (s *poolSubject) leave(a *actor) { s.q.leave(a) }

func (s *poolSubject) let(*actor) {}

// free kills the greenlet: with an odd argument it has not started perhaps,
// and its place is free at once.
func (s *poolSubject) free(a *actor) {
	started := a.g2.co != nil
	a.g2.KillWith(ErrExit, 0)
	if started {
		a.g2.rawLink(s.vacated)
	} else {
		s.vacated()
	}
}

func (s *poolSubject) vacated() {
	if len(s.q) > 0 {
		s.q.pop().settle(0, nil)
	} else {
		s.n++
	}
}

func (s *poolSubject) differs() string {
	if s.p.Free() != s.n || s.p.Full() != (s.n == 0) || s.p.Len() != s.p.Size()-s.n {
		return fmt.Sprintf("Free %d, Len %d, want %d free", s.p.Free(), s.p.Len(), s.n)
	}
	return ""
}
