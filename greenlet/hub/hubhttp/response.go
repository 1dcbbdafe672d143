package hubhttp

import (
	"errors"
	"net/http"
	"time"

	"switchyard/greenlet/hub"
)

// A response is the http.ResponseWriter of a handler that runs in a greenlet.
//
// What net/http only keeps in memory is handed to it directly: header, status
// and the first heldBack bytes since the start or a Flush. The rest is
// collected here and written on another goroutine, for the socket may be full.
type response struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	calls *calls

	turn    *hub.Semaphore // to call net/http; nil until somebody waits
	careful bool           // net/http may have to send "100 Continue" first
	held    int            // bytes handed over since the start or a Flush
	out     []byte         // collected
	spare   []byte         // memory for the next out
	err     error          // of an earlier call
	cut     bool           // a call was cut short: the answer is not whole
	over    bool           // the handler has returned
}

const (
	heldBack  = 2048 // net/http's buffer before it chooses the framing
	outBuffer = 32 << 10
)

var errHandlerOver = errors.New("hubhttp: the handler has returned")

// newResponse makes a response, and r's body one for greenlets.
func newResponse(h *hub.Hub, w http.ResponseWriter, r *http.Request) *response {
	rw := &response{w: w, rc: http.NewResponseController(w), calls: &calls{h: h}}
	if r.Body != nil && r.Body != http.NoBody {
		rw.careful = r.Header.Get("Expect") != ""
		r.Body = &body{calls: rw.calls, src: r.Body, interrupt: func() {
			rw.cut = true
			rw.rc.SetReadDeadline(time.Unix(1, 0))
		}}
	}
	return rw
}

// Header returns the header to be sent with the first Write or WriteHeader.
func (rw *response) Header() http.Header { return rw.w.Header() }

// WriteHeader chooses the status. It waits only for a 1xx, which is sent at
// once.
func (rw *response) WriteHeader(status int) {
	if rw.over {
		return
	}
	if rw.careful || 100 <= status && status < 200 && status != http.StatusSwitchingProtocols {
		rw.call(func() func() error {
			return func() error { rw.w.WriteHeader(status); return nil }
		})
		return
	}
	rw.w.WriteHeader(status)
}

// Write writes all of p, or keeps it for later. An error may be one of an
// earlier Write.
func (rw *response) Write(p []byte) (done int, err error) {
	if rw.over {
		return 0, errHandlerOver
	}
	if rw.err != nil {
		return 0, rw.err
	}
	if n := min(len(p), heldBack-rw.held); !rw.careful && len(rw.out) == 0 && !rw.busy() && (n > 0 || len(p) == 0) {
		done, err = rw.w.Write(p[:n])
		if rw.held += done; err != nil {
			return done, err
		}
	}
	for done < len(p) {
		n := min(len(p)-done, outBuffer-len(rw.out))
		rw.out = append(rw.out, p[done:done+n]...)
		done += n
		if len(rw.out) == outBuffer {
			if err := rw.send(false); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// WriteString is Write.
func (rw *response) WriteString(s string) (int, error) { return rw.Write([]byte(s)) }

// busy reports whether another greenlet's call into net/http is under way.
func (rw *response) busy() bool { return rw.turn != nil && rw.turn.Locked() }

// FlushError sends what was written so far.
func (rw *response) FlushError() error {
	if rw.over {
		return errHandlerOver
	}
	return rw.send(true)
}

// Flush sends what was written so far.
func (rw *response) Flush() { rw.FlushError() }

// send writes what was collected, and flushes if asked to.
func (rw *response) send(flush bool) error {
	return rw.call(func() func() error {
		data := rw.out
		rw.out, rw.spare = rw.spare, nil
		if flush {
			rw.held = 0
		}
		return func() error {
			_, err := rw.w.Write(data)
			rw.spare = data[:0] // read again only after this call
			if err == nil && flush {
				err = rw.rc.Flush()
			}
			return err
		}
	})
}

// call takes its turn, lets prepare say what to do, and does that on another
// goroutine. What was cut short is over for good: rw.w may have half of it.
func (rw *response) call(prepare func() func() error) error {
	if rw.turn == nil {
		rw.turn = hub.NewSemaphore(rw.calls.h, 1)
	}
	if err := rw.turn.Acquire(); err != nil {
		return err
	}
	defer rw.turn.Release()
	if rw.err != nil {
		return rw.err
	}
	work := prepare()
	var failed error
	if err := rw.calls.do(func() { failed = work() }); err != nil {
		rw.cut = true
		rw.err = &cutError{"write", err}
		return err
	}
	rw.err = failed
	return failed
}

// finish writes what is left. It is called by net/http's goroutine, after the
// handler.
func (rw *response) finish() {
	if len(rw.out) > 0 && rw.err == nil {
		rw.w.Write(rw.out)
	}
}

// interrupt makes calls into net/http that wait return.
func (rw *response) interrupt() {
	past := time.Unix(1, 0)
	rw.rc.SetReadDeadline(past)
	rw.rc.SetWriteDeadline(past)
}

// SetReadDeadline sets the deadline for reading the request, for
// http.ResponseController.
func (rw *response) SetReadDeadline(t time.Time) error { return rw.rc.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline for writing the response, for
// http.ResponseController.
func (rw *response) SetWriteDeadline(t time.Time) error { return rw.rc.SetWriteDeadline(t) }

// EnableFullDuplex lets the body be read after writing has begun, for
// http.ResponseController.
func (rw *response) EnableFullDuplex() error { return rw.rc.EnableFullDuplex() }
