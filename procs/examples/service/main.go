// Service is a program that goes on in the background, without a terminal, and
// of which there is one:
//
//	$ service start          # returns once the service runs, or says why not
//	$ service status
//	$ service stop           # returns once it has ended
//
// Python's tutorials fork twice, call setsid, change directory and umask and
// redirect the standard files; here that is a ProcessConfig. The one instance
// is the one that holds the PID file, which the kernel takes from it when it
// dies, however it dies.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"switchyard/procs"
)

// config is what the service is started with.
type config struct {
	PIDFile string
	Beat    time.Duration
	Ready   *procs.Conn // gets "", or why the service does not run
}

var service = procs.Register("service", run)

func main() {
	procs.Init()
	log.SetFlags(0)
	log.SetPrefix("service: ")
	pidFile := flag.String("pidfile", filepath.Join(os.TempDir(), "service.pid"), "held by the service while it runs")
	logFile := flag.String("log", filepath.Join(os.TempDir(), "service.log"), "what the service prints is appended here")
	beat := flag.Duration("beat", time.Second, "time between two lines in the log")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: service [flags] start|status|stop")
		flag.PrintDefaults()
	}
	flag.Parse()
	err := errors.New("say start, status or stop")
	path, absErr := filepath.Abs(*pidFile) // the service has another directory
	switch {
	case absErr != nil:
		err = absErr
	case flag.Arg(0) == "start":
		err = start(*logFile, config{PIDFile: path, Beat: *beat})
	case flag.Arg(0) == "status":
		err = status(path)
	case flag.Arg(0) == "stop":
		err = stop(path)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// start starts the service, and waits until it runs.
func start(logFile string, c config) error {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	here, there, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		return err
	}
	defer here.Close()
	c.Ready = there
	p := procs.NewProcess(service, c, procs.ProcessConfig{
		Name: "service", Detached: true, NewSession: true, Dir: "/", Stdout: out, Stderr: out})
	if err := p.Start(); err != nil {
		return err
	}
	there.Close()
	var refused string
	switch err := here.Recv(&refused); {
	case err == io.EOF:
		return fmt.Errorf("it ended before it ran: see %s", logFile)
	case err != nil:
		return err
	case refused != "":
		return errors.New(refused)
	}
	fmt.Println("started with process id", p.PID())
	return nil
}

// run is the service.
func run(ctx context.Context, c config) (int, error) {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer cancel()
	held, err := procs.HoldPIDFile(c.PIDFile)
	if err != nil {
		c.Ready.Send(err.Error())
		return 0, procs.ExitCode(1)
	}
	defer held.Release()
	err = c.Ready.Send("")
	c.Ready.Close()
	if err != nil {
		return 0, err
	}
	fmt.Println("begins")
	procs.Heartbeat(ctx, c.Beat, func(n int, _ time.Duration) { fmt.Println("alive", n) })
	fmt.Println("ends")
	return 0, nil
}

func status(pidFile string) error {
	pid, err := procs.PIDFileHolder(pidFile)
	switch {
	case err != nil:
		return err
	case pid == 0:
		fmt.Println("does not run")
	default:
		fmt.Println("runs with process id", pid)
	}
	return nil
}

// stop asks the service to end, and waits until it has let go of its file.
func stop(pidFile string) error {
	pid, err := procs.PIDFileHolder(pidFile)
	if err != nil {
		return err
	}
	if pid <= 0 {
		return errors.New("does not run")
	}
	p, err := os.FindProcess(pid) // that process and no later one of this id
	if err != nil {
		return err
	}
	defer p.Release()
	if holder, err := procs.PIDFileHolder(pidFile); err == nil && holder == pid {
		err = p.Signal(syscall.SIGTERM)
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if holder, err := procs.PIDFileHolder(pidFile); holder != pid || err != nil {
			fmt.Println("stopped")
			return err
		}
	}
	return fmt.Errorf("process %d has not ended within a minute", pid)
}
