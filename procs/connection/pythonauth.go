package connection

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"hash"
	"os"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/transport"
)

// Python's handshake: one side delivers a challenge, the other answers it, and
// is told whether the answer was right; then the same the other way round. All
// are messages of at most 256 bytes.
//
//	challenge  "#CHALLENGE#" and what is to be signed: "{sha256}" and random
//	           bytes; of Python before 3.12, 20 random bytes
//	answer     "{sha256}" HMAC-SHA256(key, what is to be signed); without the
//	           prefix it is HMAC-MD5, all that Python before 3.12 knows
//	verdict    "#WELCOME#" or "#FAILURE#"
//
// Python answers any challenge. We answer none that an end of this package on
// our own side has made, as its random bytes begin with pythonListens or
// pythonDials: what listeners are asked cannot be passed on to listeners, nor
// what clients are asked to clients.
const (
	pythonProof     = 256
	pythonChallenge = "#CHALLENGE#"
	pythonSHA256    = "{sha256}"
	pythonWelcome   = "#WELCOME#"
	pythonFailure   = "#FAILURE#"
	pythonNonce     = 32
	pythonOldNonce  = 20
)

// pythonSide is who makes a challenge.
type pythonSide string

const (
	pythonListens pythonSide = "listener"
	pythonDials   pythonSide = "client"
)

// pythonExam is the listener's side: an examiner.
type pythonExam struct {
	f      *os.File
	config *PythonConfig

	t      transport.Transport
	signed []byte // of our challenge
	answer []byte
}

func (e *pythonExam) ask() (err error) {
	if e.config.NoAuth {
		return nil
	}
	if e.t, err = transport.OfPythonSocket(e.f, pythonProof); err != nil {
		return err
	}
	e.signed, e.answer, err = pythonAsk(e.t, pythonListens)
	return err
}

func (e *pythonExam) mark() error {
	if e.config.NoAuth {
		return nil
	}
	if err := pythonMark(e.t, e.config, e.signed, e.answer); err != nil {
		return err
	}
	return pythonAnswer(e.t, e.config, pythonListens)
}

// pythonClient is the client's side.
func pythonClient(f *os.File, config *PythonConfig) error {
	t, err := transport.OfPythonSocket(f, pythonProof)
	if err != nil {
		return err
	}
	if err := pythonAnswer(t, config, pythonDials); err != nil {
		return err
	}
	signed, answer, err := pythonAsk(t, pythonDials)
	if err != nil {
		return err
	}
	return pythonMark(t, config, signed, answer)
}

// pythonAsk delivers a challenge, and returns what is to be signed and the
// answer.
func pythonAsk(t transport.Transport, side pythonSide) (signed, answer []byte, err error) {
	signed = append([]byte(pythonSHA256), side...)
	signed = append(signed, make([]byte, pythonNonce)...)
	kernel.Random(signed[len(signed)-pythonNonce:])
	if err := t.Send(0, append([]byte(pythonChallenge), signed...), nil); err != nil {
		return nil, nil, fmt.Errorf("connection: challenge: %w", err)
	}
	if _, answer, _, err = t.Recv(nil); err != nil {
		return nil, nil, fmt.Errorf("connection: answer to the challenge: %w", err)
	}
	return signed, answer, nil
}

// pythonMark sends the verdict on an answer, and returns it.
func pythonMark(t transport.Transport, config *PythonConfig, signed, answer []byte) error {
	wrong := pythonJudge(config, signed, answer)
	verdict := pythonWelcome
	if wrong != nil {
		verdict = pythonFailure
	}
	if err := t.Send(0, []byte(verdict), nil); err != nil {
		return fmt.Errorf("connection: verdict: %w", err)
	}
	return wrong
}

func pythonJudge(config *PythonConfig, signed, answer []byte) error {
	mac, modern := bytes.CutPrefix(answer, []byte(pythonSHA256))
	switch {
	case modern:
		if hmac.Equal(mac, pythonMAC(sha256.New, config.AuthKey, signed)) {
			return nil
		}
	case len(answer) == md5.Size && !config.MD5:
		return errPythonMD5
	case hmac.Equal(answer, pythonMAC(md5.New, config.AuthKey, signed)):
		return nil
	}
	return fmt.Errorf("%w: wrong key", ErrAuthentication)
}

var errPythonMD5 = fmt.Errorf("%w: the proof of Python before 3.12 is HMAC-MD5, which PythonConfig.MD5 allows", ErrAuthentication)

// pythonAnswer answers the other side's challenge, and reads the verdict.
func pythonAnswer(t transport.Transport, config *PythonConfig, side pythonSide) error {
	_, challenge, _, err := t.Recv(nil)
	if err != nil {
		return fmt.Errorf("connection: challenge: %w", err)
	}
	answer, err := pythonSign(config, challenge, side)
	if err != nil {
		return err
	}
	if err := t.Send(0, answer, nil); err != nil {
		return fmt.Errorf("connection: answer to the challenge: %w", err)
	}
	_, verdict, _, err := t.Recv(nil)
	if err != nil {
		return fmt.Errorf("connection: verdict: %w", err)
	}
	if string(verdict) != pythonWelcome {
		return fmt.Errorf("%w: the other side refused our key", ErrAuthentication)
	}
	return nil
}

// pythonSign returns the answer to a challenge. It signs nothing that is no
// challenge of Python's or of this package's other side.
func pythonSign(config *PythonConfig, challenge []byte, side pythonSide) ([]byte, error) {
	signed, ok := bytes.CutPrefix(challenge, []byte(pythonChallenge))
	if !ok {
		return nil, fmt.Errorf("%w: no challenge of Python's", ErrAuthentication)
	}
	random, modern := bytes.CutPrefix(signed, []byte(pythonSHA256))
	switch {
	case modern && bytes.HasPrefix(random, []byte(side)):
		return nil, fmt.Errorf("%w: somebody wants to use our proof for his", ErrAuthentication)
	case modern && len(random) >= pythonOldNonce:
		return append([]byte(pythonSHA256), pythonMAC(sha256.New, config.AuthKey, signed)...), nil
	case len(signed) != pythonOldNonce:
		return nil, fmt.Errorf("%w: no challenge of Python's", ErrAuthentication)
	case !config.MD5:
		return nil, errPythonMD5
	}
	return pythonMAC(md5.New, config.AuthKey, signed), nil
}

func pythonMAC(h func() hash.Hash, key, signed []byte) []byte {
	m := hmac.New(h, key)
	m.Write(signed)
	return m.Sum(nil)
}
