package workload

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"

	"switchyard/bench"
)

// What the workloads that talk to a server of Echo have in common: lines, and
// the connections of those who ask.

// lineSize is the length of a request and of its answer.
const lineSize = 64

// upper writes the upper case of a line into itself.
func upper(line []byte) {
	for i, c := range line {
		if 'a' <= c && c <= 'z' {
			line[i] = c - 'a' + 'A'
		}
	}
}

func newQuestion() []byte {
	return append(bytes.Repeat([]byte("q"), lineSize-1), '\n')
}

// number makes a line that of question i. Letters would change with the case:
// the number is in bytes 128 and up.
func number(line []byte, i int) {
	for k := range 8 {
		line[k] = byte(i>>(7*k)) | 0x80
	}
}

// A clientele asks the server at an address, from Start to Stop, and returns
// how many answers were right.
type clientele func(b *bench.B, addr string) (answered uint64, err error)

// clients is the load: connections that are made before Start and ask b.N
// questions between them. An answer must be that of its own question.
type clients []net.Conn

func dialClients(b *bench.B, addr string) (c clients, err error) {
	for range b.Int("conns") {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			c.close()
			return nil, err
		}
		c = append(c, conn)
	}
	return c, nil
}

func (c clients) close() {
	for _, conn := range c {
		conn.Close()
	}
}

// greet has every connection answered once while the others are open, so that
// each has its server before the clock starts: one that serves them in turn
// does not answer in time.
func (c clients) greet(within time.Duration) error {
	for i, conn := range c {
		u := bench.NewUnit(1, 1)
		err := conn.SetDeadline(time.Now().Add(within))
		if err == nil {
			err = askAll(conn, 1, u)
		}
		if err == nil && u.Answer != 1 {
			err = errors.New("not by the question in capitals")
		}
		if err != nil {
			return fmt.Errorf("%d of %d greetings were answered: %w", i, len(c), err)
		}
		if err := conn.SetDeadline(time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// withClients dials the server and greets it, and lets ask measure.
func withClients(b *bench.B, addr string, ask func(clients, *bench.B) (uint64, error)) (uint64, error) {
	c, err := dialClients(b, addr)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := c.greet(joinTimeout); err != nil {
		return 0, err
	}
	return ask(c, b)
}
