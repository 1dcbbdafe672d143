package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// limit is for one test, on a machine that does other things too.
const limit = 2 * time.Minute

// The pages that tests look at, written by switchyard itself, and the browser.
var (
	kept    string // of the run in results, against itself as an earlier one
	keptRun string // its folder
	foreign string // of another tool: 24 models with long names, no histograms
	program string // switchyard, which writes them
	browser context.Context
)

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	chromium, err := find("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
	if err != nil {
		fmt.Println("skipped:", err)
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "switchyard-browser")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := writePages(dir); err != nil {
		return 0, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.DisableGPU, chromedp.WSURLReadTimeout(limit))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		fmt.Printf("skipped: %s does not start: %v\n", chromium, err)
		return m.Run(), nil
	}
	browser = ctx
	defer chromedp.Cancel(ctx)
	return m.Run(), nil
}

func find(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %s is in $PATH", strings.Join(names, ", "))
}

func writePages(dir string) error {
	runs, err := filepath.Glob("../results/*/*/bench.txt")
	if err != nil || len(runs) == 0 {
		return errors.Join(errors.New("no run is kept in results"), err)
	}
	var text strings.Builder
	for i := range 6 {
		for m := range 24 {
			for _, n := range []int{1, 10, 1000} {
				fmt.Fprintf(&text, "BenchmarkSomething/payload=%d/model=a_model_with_a_long_name_%d-2 100 %d ns/op 64 B/op 2 allocs/op\n", n, m, n*(100+10*m)+i)
			}
		}
	}
	other := filepath.Join(dir, "foreign.txt")
	if err := os.WriteFile(other, []byte(text.String()), 0o644); err != nil {
		return err
	}
	program, keptRun = filepath.Join(dir, "switchyard"), filepath.Dir(runs[0])
	kept, foreign = filepath.Join(dir, "kept.html"), filepath.Join(dir, "foreign.html")
	for _, command := range []*exec.Cmd{
		exec.Command("go", "build", "-C", "..", "-buildvcs=false", "-o", program, "./bench/cmd/switchyard"),
		exec.Command(program, "report", keptRun, "--baseline", keptRun, "--html", kept),
		exec.Command(program, "report", other, "--html", foreign),
	} {
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", command, err, out)
		}
	}
	return nil
}

// A view is how a page is opened.
type view struct {
	page     string
	hash     string
	width    int64 // of the window, by default 1400
	dark     bool
	noScript bool
	media    string
}

// A tab shows a page. What it writes to the console, and each request beside
// that for the page, is an error of the test.
type tab struct {
	*testing.T
	ctx context.Context

	mu   sync.Mutex
	said []string
}

func open(t *testing.T, v view) *tab {
	t.Helper()
	if browser == nil {
		t.Skip("no Chromium starts here")
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, limit)
	t.Cleanup(cancel)
	p := &tab{T: t, ctx: ctx}
	if v.width == 0 {
		v.width = 1400
	}
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	p.check(chromedp.Listen(ctx, p.listen))
	p.check(call(ctx, network.Enable, network.EnableParams{}))
	p.check(chromedp.Do(ctx, chromedp.EmulateViewport(v.width, 900)))
	p.check(call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: v.media, Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
	p.check(call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.noScript}))
	p.check(chromedp.Do(ctx, chromedp.Navigate("file://"+v.page+v.hash)))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, s := range p.said {
			t.Error(s)
		}
	})
	return p
}

func (p *tab) listen(event any) {
	said := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		said = "console: " + string(e.Type)
		for _, arg := range e.Args {
			said += " " + string(arg.Value) + arg.Description
		}
	case *runtime.EventExceptionThrown:
		said = fmt.Sprintf("exception: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		said = "log: " + e.Entry.Text
	case *network.EventRequestWillBeSent:
		if url, _, _ := strings.Cut(e.Request.URL, "#"); e.Type != network.ResourceTypeDocument || !strings.HasPrefix(url, "file://") {
			said = "request: " + e.Request.URL
		}
	}
	if said != "" {
		p.mu.Lock()
		p.said = append(p.said, said)
		p.mu.Unlock()
	}
}

func (p *tab) check(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// run evaluates an expression in the page.
func run[T any](p *tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// await waits until an expression is true: a browser does much of its work
// after it has answered.
func (p *tab) await(expression string) {
	p.Helper()
	for run[bool](p, "Boolean("+expression+")") == false {
		select {
		case <-p.ctx.Done():
			p.Fatalf("never: %s", expression)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// keys types them, to what has the focus.
func (p *tab) keys(keys string) {
	p.Helper()
	p.check(chromedp.Do(p.ctx, chromedp.KeyEvent(keys)))
}

// press presses a key that the page takes for itself: it types nothing.
func (p *tab) press(key rune) {
	p.Helper()
	for _, event := range kb.Encode(key) {
		if event.Type != kb.KeyChar {
			p.check(call(p.ctx, input.DispatchKeyEvent, *event))
		}
	}
}

// call sends a command of the protocol that answers nothing of interest.
func call[P, R any](ctx context.Context, command cdp.Command[P, R], params P) error {
	_, err := chromedp.Call(ctx, command, params)
	return err
}
