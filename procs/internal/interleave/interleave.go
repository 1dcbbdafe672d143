// Package interleave checks a model of a protocol in every order in which its
// threads can take their steps. Only tests import it.
package interleave

import (
	"fmt"
	"strings"
)

// A Step is one atomic step of a thread of a model: it changes the shared
// state and returns the number of the thread's next step, [End] when there is
// none, or [Blocked] when it cannot be taken now (then it must not have changed
// the state).
type Step[S comparable] func(s *S) (next int)

// What a Step may return instead of a number.
const (
	End     = -1
	Blocked = -2
)

// Explore takes the steps of all threads in every order that there is, and
// returns how many states it has seen. It returns an error, with the steps that
// lead there, if the threads can come to a state in which none can go on though
// not all have ended, or if check objects to the state at the end. check may be
// nil.
//
// It is for protocols of a few words of shared memory: a schedule that a test
// with real processes meets once a year is met here in a millisecond.
func Explore[S comparable](start S, threads [][]Step[S], check func(s S) error) (states int, err error) {
	if len(threads) > len(position[S]{}.at) {
		panic("interleave: too many threads")
	}
	e := explorer[S]{threads: threads, check: check, seen: make(map[position[S]]bool)}
	err = e.visit(position[S]{s: start})
	return len(e.seen), err
}

type position[S comparable] struct {
	s  S
	at [4]int // of each thread
}

type explorer[S comparable] struct {
	threads [][]Step[S]
	check   func(S) error
	seen    map[position[S]]bool
	path    []string
}

func (e *explorer[S]) visit(p position[S]) error {
	if e.seen[p] {
		return nil
	}
	e.seen[p] = true
	moved, ended := false, 0
	for t, steps := range e.threads {
		if p.at[t] == End {
			ended++
			continue
		}
		q := p
		if q.at[t] = steps[p.at[t]](&q.s); q.at[t] == Blocked {
			continue
		}
		moved = true
		e.path = append(e.path, fmt.Sprintf("thread %d step %d: %+v", t, p.at[t], q.s))
		if err := e.visit(q); err != nil {
			return err
		}
		e.path = e.path[:len(e.path)-1]
	}
	switch {
	case moved:
		return nil
	case ended < len(e.threads):
		return e.fail(fmt.Errorf("nobody can go on at steps %v", p.at[:len(e.threads)]))
	case e.check != nil:
		if err := e.check(p.s); err != nil {
			return e.fail(err)
		}
	}
	return nil
}

func (e *explorer[S]) fail(err error) error {
	return fmt.Errorf("%w, after\n%s", err, strings.Join(e.path, "\n"))
}
