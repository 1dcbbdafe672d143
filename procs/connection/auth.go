package connection

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"switchyard/procs"
	"switchyard/procs/internal/kernel"
)

// ErrAuthentication means that the other side does not know the key, or does
// not speak this protocol.
var ErrAuthentication = errors.New("connection: authentication failed")

func init() {
	procs.RegisterError("connection.ErrAuthentication", ErrAuthentication)
	procs.RegisterError("connection.ErrAddress", ErrAddress)
}

// Both ends of a connection prove that they know a key, without sending it,
// before either looks at anything else (Python's deliver_challenge and
// answer_challenge). Frames have fixed sizes, so nothing has to be parsed and
// nothing can be too large:
//
//	listener to client  magic, version, whether a proof is wanted; a random
//	                    number S
//	client to listener  a random number C; HMAC-SHA256(key, "client" S C)
//	listener to client  accepted or not; HMAC-SHA256(key, "server" S C)
//
// Both numbers are in both proofs, so that an old proof is of no use, and the
// words keep one side's proof from being the other's.
const (
	authMagic     = "switchyard/2"
	authWanted    = 1
	authNotWanted = 0
	authNonce     = 32

	challengeSize = 16 + authNonce
	answerSize    = authNonce + sha256.Size
	verdictSize   = 8 + sha256.Size
)

// exam is the listener's side. Any of the keys will do. Without keys no proof
// is wanted.
type exam struct {
	rw        io.ReadWriter
	keys      [][]byte
	challenge [challengeSize]byte
	answer    [answerSize]byte
}

// ask sends the challenge and reads the answer: all that takes the other side's
// time. It reads no byte more than an answer has.
func (e *exam) ask() error {
	copy(e.challenge[:], authMagic)
	if e.keys != nil {
		e.challenge[len(authMagic)] = authWanted
		kernel.Random(e.challenge[16:])
	}
	if _, err := e.rw.Write(e.challenge[:]); err != nil {
		return fmt.Errorf("connection: challenge: %w", err)
	}
	if e.keys == nil {
		return nil
	}
	if _, err := io.ReadFull(e.rw, e.answer[:]); err != nil {
		return fmt.Errorf("connection: answer to the challenge: %w", err)
	}
	return nil
}

// mark sends the verdict on the answer, and returns it.
func (e *exam) mark() error {
	if e.keys == nil {
		return nil
	}
	s, c := e.challenge[16:], e.answer[:authNonce]
	var verdict [verdictSize]byte
	var known []byte
	for _, key := range e.keys { // all of them, so that the time does not tell which
		if hmac.Equal(e.answer[authNonce:], authProof(key, "client", s, c)) {
			known = key
			verdict[0] = 1
		}
	}
	if verdict[0] == 1 {
		copy(verdict[8:], authProof(known, "server", s, c))
	}
	if _, err := e.rw.Write(verdict[:]); err != nil {
		return fmt.Errorf("connection: verdict: %w", err)
	}
	if verdict[0] != 1 {
		return fmt.Errorf("%w: wrong key", ErrAuthentication)
	}
	return nil
}

// answerChallenge is the client's side. With a nil key it takes a listener that
// wants no proof, and only such a one.
func answerChallenge(rw io.ReadWriter, key []byte) error {
	var challenge [challengeSize]byte
	if _, err := io.ReadFull(rw, challenge[:]); err != nil {
		return fmt.Errorf("connection: challenge: %w", err)
	}
	if !bytes.HasPrefix(challenge[:], []byte(authMagic)) {
		return fmt.Errorf("%w: not a listener of this package", ErrAuthentication)
	}
	wanted := challenge[len(authMagic)] == authWanted
	switch {
	case key == nil && !wanted:
		return nil
	case key == nil:
		return fmt.Errorf("%w: the listener wants a key", ErrAuthentication)
	case !wanted: // whoever took the listener's place could say so
		return fmt.Errorf("%w: the listener does not prove that it knows the key", ErrAuthentication)
	}
	var answer [answerSize]byte
	kernel.Random(answer[:authNonce])
	s, c := challenge[16:], answer[:authNonce]
	copy(answer[authNonce:], authProof(key, "client", s, c))
	if _, err := rw.Write(answer[:]); err != nil {
		return fmt.Errorf("connection: answer to the challenge: %w", err)
	}
	var verdict [verdictSize]byte
	if _, err := io.ReadFull(rw, verdict[:]); err != nil {
		return fmt.Errorf("connection: verdict: %w", err)
	}
	if verdict[0] != 1 {
		return fmt.Errorf("%w: the listener refused our key", ErrAuthentication)
	}
	if !hmac.Equal(verdict[8:], authProof(key, "server", s, c)) {
		return fmt.Errorf("%w: the listener does not know the key", ErrAuthentication)
	}
	return nil
}

func authProof(key []byte, role string, s, c []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(role))
	m.Write(s)
	m.Write(c)
	return m.Sum(nil)
}
