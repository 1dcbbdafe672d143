package transport

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

// handoff is a place in shared memory for one message, one way of a pipe. A
// sender uses it only while a receiver looks at it: then the message changes
// hands within a microsecond and without a system call, or with one that wakes
// the receiver, who may sleep while it looks: see lounge. Otherwise the message
// goes through the socket, which wakes sleepers, tells of the end, and shows in
// poll. A message is never left in the handoff with nobody looking.
//
// Order: a sender uses the handoff only while no message is under way in the
// socket (queued), so what is in the handoff came before what is in the socket.
//
// Deaths: the state names who is at it, so that others can go on when that
// process dies. A message that was handed to a receiver which died before it
// looked goes to another holder of the same end, if there is one, though
// perhaps after later ones. If a sender or receiver dies between counting and
// moving a message in the socket, queued stays above 0, and the socket serves
// alone.
type handoff struct {
	state  atomic.Uint64 // 0: nobody is here. Else an Owner, and what it does
	kind   uint32
	n      uint32
	asleep atomic.Uint32 // the receiver is in its lounge, or on the way there
	_      [44]byte
	queued atomic.Int64
	_      [56]byte
	data   [handoffBody]byte
}

const (
	handoffLooking uint64 = iota << 30 // a receiver looks
	handoffFilling                     // a sender writes
	handoffFull                        // a message is there for the receiver
	handoffTaking                      // a receiver reads

	handoffDoing = handoffTaking // mask
)

const (
	handoffBody = 20<<10 - 128 // longer messages take longer to copy than a wake-up does to come
	handoffSize = int(unsafe.Sizeof(handoff{}))
)

var errFewDescriptors = errors.New("procs: few descriptors are left")

// newHandoffs makes the handoffs of both ways and maps them twice, once for
// each end, or not at all if there is no memory for it, or half of the
// descriptors are in use: pipes work without.
func newHandoffs() (a, b *shm.Segment) {
	a, err := shm.Create(2 * handoffSize)
	if err != nil {
		return nil, nil
	}
	err = a.WithFD(func(fd int) error {
		if fewLeft(fd, 2) {
			return errFewDescriptors
		}
		twin, err := kernel.DupFD(fd)
		if err == nil {
			b, err = shm.Adopt(os.NewFile(uintptr(twin), "segment"), 2*handoffSize)
		}
		return err
	})
	if err != nil {
		a.Unmap()
		return nil, nil
	}
	return a, b
}

// fewLeft reports whether fd, the lowest that was free, is beyond one part of
// so many of the descriptors that there may be.
func fewLeft(fd int, parts uint64) bool {
	var limit unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || uint64(fd) >= limit.Cur/parts
}

// useHandoffs gives s its handoffs, before anybody uses it.
func (s *pipeSocket) useHandoffs(seg *shm.Segment, side int) {
	s.handoffs, s.side = seg, side
	s.in = shm.At[handoff](seg.Bytes(), side*handoffSize)
	s.out = shm.At[handoff](seg.Bytes(), (1-side)*handoffSize)
}

// handoffSpin is how long, in pauses, a sender waits for the receiver to look,
// less than the system call takes that it would need otherwise: who got our
// last message by handoff may be on the way back to it.
const handoffSpin = 32

// handOver puts a message into the handoff, if somebody looks or is about to.
func (s *pipeSocket) handOver(kind uint32, body []byte) bool {
	h := s.out
	if s.handoffHot.Load() && h.state.Load() == 0 && h.queued.Load() == 0 && len(body) <= handoffBody {
		shm.Await(handoffSpin, func() bool { return h.state.Load() != 0 })
	}
	done := h.put(kind, body)
	if done {
		s.ring()
	}
	if s.handoffHot.Load() != done {
		s.handoffHot.Store(done)
	}
	return done
}

// put hands body over, if somebody looks, and reports whether it did.
func (h *handoff) put(kind uint32, body []byte) bool {
	receiver := h.state.Load()
	if receiver == 0 || receiver&handoffDoing != handoffLooking || len(body) > handoffBody || h.queued.Load() != 0 ||
		!h.state.CompareAndSwap(receiver, uint64(shm.Self())|handoffFilling) {
		return false
	}
	h.kind, h.n = kind, uint32(copy(h.data[:], body))
	h.state.Store(receiver | handoffFull)
	return true
}

// take appends the message to buf, if there is still one for the owner.
func (h *handoff) take(owner shm.Owner, buf []byte) (kind uint32, body []byte, ok bool) {
	if !h.state.CompareAndSwap(uint64(owner)|handoffFull, uint64(shm.Self())|handoffTaking) {
		return 0, buf, false
	}
	kind, body = h.kind, append(buf, h.data[:min(h.n, handoffBody)]...)
	h.state.Store(0)
	return kind, body, true
}

// handedOff returns for whom there is a message in the handoff that we may take
// before we looked; 0: for nobody.
func (s *pipeSocket) handedOff() shm.Owner {
	if s.in == nil {
		return 0
	}
	state := s.in.state.Load()
	if state == 0 {
		return 0
	}
	owner := shm.Owner(state &^ handoffDoing)
	switch {
	case owner == shm.Self():
		if s.unclaimed.Load() && state&handoffDoing == handoffFull {
			return owner
		}
	case s.lives(owner):
	case state&handoffDoing == handoffFull:
		return owner
	default:
		s.in.state.CompareAndSwap(state, 0)
	}
	return 0
}

// linked is where the clock of lives begins.
var linked = time.Now()

// lives reports whether owner lives, or did a moment ago.
func (s *pipeSocket) lives(owner shm.Owner) bool {
	now := int64(time.Since(linked))
	if s.lived.Load() == uint64(owner) && now-s.livedAt.Load() < int64(sleepSlice)/2 {
		return true
	}
	if !owner.Alive() {
		return false
	}
	s.lived.Store(uint64(owner))
	s.livedAt.Store(now)
	return true
}

// look looks for a message for some microseconds, in the handoff if possible.
// got says that recv, a system call, has one from the socket; from, if it is
// not 0, that one is in the handoff.
func (s *pipeSocket) look(recv func(how int) bool) (got bool, from shm.Owner, err error) {
	if from = s.handedOff(); from != 0 {
		return false, from, nil
	}
	h := s.in
	if h == nil || h.queued.Load() != 0 {
		return s.spin.Look(shm.SystemCall, func() bool { return recv(unix.MSG_DONTWAIT) }), 0, nil
	}
	self := uint64(shm.Self())
	enter := func() bool { return h.state.CompareAndSwap(0, self|handoffLooking) }
	looking := enter() // else another receiver does
	s.spin.Until(func() bool {
		if looking && h.state.Load() == self|handoffFull {
			from = shm.Owner(self)
			return true
		}
		if h.queued.Load() == 0 {
			return false
		}
		if looking {
			looking = false
			if from, err = s.leave(); from != 0 || err != nil {
				return true
			}
		}
		got = recv(unix.MSG_DONTWAIT)
		looking = !got && enter()
		return got
	})
	if looking && from == 0 {
		s.doze()
		from, err = s.leave()
	}
	return got, from, err
}

// leave ends the looking. from is not 0 if a message has come. It waits for a
// sender that is at it: for less than a microsecond, unless it was stopped in
// this very moment.
func (s *pipeSocket) leave() (from shm.Owner, err error) {
	self := uint64(shm.Self())
	for start := time.Now(); ; {
		state := s.in.state.Load()
		switch {
		case state == self|handoffFull:
			return shm.Owner(self), nil
		case state == self|handoffLooking:
			if s.in.state.CompareAndSwap(state, 0) {
				return 0, nil
			}
		case time.Since(start) < time.Millisecond:
			runtime.Gosched()
		case state&handoffDoing != handoffFilling: // another process took us for dead
			return 0, nil
		case !shm.Owner(state &^ handoffDoing).Alive():
			s.in.state.CompareAndSwap(state, 0)
			return 0, nil
		default:
			if err := s.over(&s.readUntil); err != nil {
				s.unclaimed.Store(true)
				return 0, err
			}
			time.Sleep(time.Millisecond)
		}
	}
}
