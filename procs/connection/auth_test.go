//go:build linux

package connection

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// twoWay is one end of a connection in memory.
type twoWay struct {
	io.Reader
	io.Writer
}

func bothEnds() (a, b twoWay) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return twoWay{r1, w2}, twoWay{r2, w1}
}

// deliverChallenge is what a listener does.
func deliverChallenge(rw io.ReadWriter, keys [][]byte) error {
	e := exam{rw: rw, keys: keys}
	if err := e.ask(); err != nil {
		return err
	}
	return e.mark()
}

func TestChallengeResponse(t *testing.T) {
	for _, c := range []struct {
		keys   [][]byte
		key    []byte
		server error
		client error
	}{
		{[][]byte{[]byte("key")}, []byte("key"), nil, nil},
		{[][]byte{[]byte("one"), []byte("two")}, []byte("two"), nil, nil},
		{[][]byte{{}}, []byte{}, nil, nil},
		{[][]byte{[]byte("key")}, []byte("yek"), ErrAuthentication, ErrAuthentication},
		{nil, nil, nil, nil},
		{nil, []byte("key"), nil, ErrAuthentication},
	} {
		a, b := bothEnds()
		done := make(chan error)
		go func() { done <- deliverChallenge(a, c.keys) }()
		err := answerChallenge(b, c.key)
		if got := <-done; !errors.Is(err, c.client) || !errors.Is(got, c.server) {
			t.Errorf("%q %q: client %v, server %v", c.keys, c.key, err, got)
		}
	}
}

// stranger answers everything with the same bytes.
type stranger struct{ b []byte }

func (s stranger) Write(p []byte) (int, error) { return len(p), nil }
func (s stranger) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = s.b[i%len(s.b)]
	}
	return len(p), nil
}

func TestDeliverChallengeAuthFailure(t *testing.T) {
	if err := deliverChallenge(stranger{[]byte("something bogus")}, [][]byte{[]byte("abc")}); !errors.Is(err, ErrAuthentication) {
		t.Fatal(err)
	}
	if err := deliverChallenge(twoWay{bytes.NewReader([]byte("short")), io.Discard}, [][]byte{[]byte("abc")}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
}

func TestAnswerChallengeAuthFailure(t *testing.T) {
	if err := answerChallenge(stranger{[]byte("something bogus")}, []byte("abc")); !errors.Is(err, ErrAuthentication) {
		t.Fatal(err)
	}
	// A listener that says yes without knowing the key.
	hello := make([]byte, challengeSize)
	copy(hello, authMagic)
	hello[len(authMagic)] = authWanted
	verdict := make([]byte, verdictSize)
	verdict[0] = 1
	if err := answerChallenge(twoWay{bytes.NewReader(append(hello, verdict...)), io.Discard}, []byte("abc")); !errors.Is(err, ErrAuthentication) {
		t.Fatal(err)
	}
}

// A client's proof sent back to it is not taken for the listener's.
func TestChallengeReflection(t *testing.T) {
	a, b := bothEnds()
	go func() {
		hello := make([]byte, challengeSize)
		copy(hello, authMagic)
		hello[len(authMagic)] = authWanted
		a.Write(hello)
		var answer [answerSize]byte
		io.ReadFull(a, answer[:])
		a.Write(append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, answer[authNonce:]...))
	}()
	if err := answerChallenge(b, []byte("abc")); !errors.Is(err, ErrAuthentication) {
		t.Fatal(err)
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add([]byte(authMagic), []byte("key"))
	f.Fuzz(func(t *testing.T, b, key []byte) {
		if err := deliverChallenge(twoWay{bytes.NewReader(b), io.Discard}, [][]byte{key}); err == nil {
			t.Fatal("anything opens")
		}
		if key == nil {
			key = []byte{}
		}
		if err := answerChallenge(twoWay{bytes.NewReader(b), io.Discard}, key); err == nil {
			t.Fatal("anything opens")
		}
	})
}
