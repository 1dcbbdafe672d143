//go:build linux

package connection_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
)

// pythonTask and pythonAnswer are what the Python program and the workers agree
// on.
type pythonTask struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

type pythonAnswer struct {
	ID     int    `json:"id"`
	Result string `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

var reverse = procs.Register("example.reverse", func(_ context.Context, text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("nothing to reverse")
	}
	letters := []rune(text)
	slices.Reverse(letters)
	return string(letters), nil
})

// serve lets the pool do each task that comes over c, and sends the answers
// back as they are ready, until the other side goes.
func serve(c *connection.PythonConn, pool *procs.Executor) {
	defer c.Close()
	for {
		b, err := c.RecvBytes(1 << 20)
		if err != nil {
			return // io.EOF: the other side is gone
		}
		var task pythonTask
		if err := json.Unmarshal(b, &task); err != nil {
			return
		}
		f := procs.Submit(pool, reverse, task.Text)
		go func() { // not in a callback, which a slow reader would hold up
			answer := pythonAnswer{ID: task.ID}
			result, err := f.Result(context.Background())
			if answer.Result = result; err != nil {
				answer.Error = err.Error()
			}
			b, _ := json.Marshal(answer)
			c.SendBytes(b)
		}()
	}
}

// A program in Python hands tasks to a pool of processes in Go, as JSON, and
// gets the answers: see testdata/tasks.py.
func ExampleListenPython() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	pool, err := procs.NewExecutor(procs.PoolConfig{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Terminate()
	key := "known to both programs"
	l, err := connection.ListenPython("", connection.PythonConfig{AuthKey: []byte(key), MD5: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept(ctx)
			if err != nil {
				return // the listener is closed
			}
			go serve(c, pool)
		}
	}()
	cmd := exec.CommandContext(ctx, "python3", "testdata/tasks.py", l.Address(), key)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	fmt.Println(cmd.Run())
}

// TestExampleListenPython runs the example where there is a python3.
func TestExampleListenPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	ExampleListenPython()
	os.Stdout = stdout
	const want = "0 desserts\n1 level\n2 nothing to reverse\n<nil>\n"
	if got, err := os.ReadFile(out.Name()); string(got) != want {
		t.Errorf("%q %v", got, err)
	}
}
