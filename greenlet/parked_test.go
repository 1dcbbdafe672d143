package greenlet

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// park is the child: it parks as many greenlets as a line of its input says,
// answers with a line, and ends with its input.
func park(n int) {
	main := Main[int]()
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	in.ReadString('\n')
	all := make([]*Greenlet[int], n)
	for i := range all {
		all[i] = New(main, func(_ *Greenlet[int], v int) (int, error) {
			_, err := main.Switch(v)
			return 0, err
		})
		all[i].Switch(i)
	}
	fmt.Println("parked")
	in.ReadString('\n')
	sum := 0
	for _, g := range all {
		if !g.Active() {
			sum++
		}
	}
	if err := main.Close(); err != nil || sum != 0 {
		fmt.Println(sum, err)
	}
	fmt.Println("closed")
	io.Copy(io.Discard, in)
}

// resident returns the resident bytes of a process, as the kernel counts them.
func resident(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in %q", data)
}

// parkedBytes returns by how much a process grows for each of n parked
// greenlets.
func parkedBytes(tb testing.TB, n int) float64 {
	if _, err := resident(os.Getpid()); err != nil {
		tb.Skip("resident memory cannot be read here:", err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVar+"="+strconv.Itoa(n))
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := child.Start(); err != nil {
		tb.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := child.Wait(); err != nil {
			tb.Error(err)
		}
	}()
	lines := bufio.NewReader(out)
	expect := func(want string) {
		if line, err := lines.ReadString('\n'); err != nil || line != want+"\n" {
			tb.Fatalf("child said %q, %v; want %q", line, err, want)
		}
	}
	measure := func() int64 {
		bytes, err := resident(child.Process.Pid)
		if err != nil {
			tb.Fatal(err)
		}
		return bytes
	}
	expect("ready")
	before := measure()
	io.WriteString(in, "go\n")
	expect("parked")
	after := measure()
	io.WriteString(in, "close\n")
	expect("closed")
	return float64(after-before) / float64(n)
}

func BenchmarkParked(b *testing.B) {
	b.Run("n=100000", func(b *testing.B) {
		sum := 0.0
		for range b.N {
			sum += parkedBytes(b, 100_000)
		}
		b.ReportMetric(sum/float64(b.N), "B/greenlet")
	})
}

// TestParkedMemory holds the package to 4 KiB for a parked greenlet.
func TestParkedMemory(t *testing.T) {
	if raceEnabled || debug {
		t.Skip("frames are larger in this build")
	}
	if got := parkedBytes(t, 100_000); got > 4096 {
		t.Errorf("a parked greenlet takes %.0f bytes, more than 4096", got)
	}
}

// TestCoreSize holds what a greenlet takes beside its stack to a size class of
// the allocator.
func TestCoreSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 && unsafe.Sizeof(core[int]{}) > 80 {
		t.Errorf("%d bytes, more than 80", unsafe.Sizeof(core[int]{}))
	}
}
