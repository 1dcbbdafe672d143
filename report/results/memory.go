package results

import (
	"bytes"
	"path/filepath"

	"switchyard/bench/benchlog"
)

// FromMemory reads the files of a results directory from copies in memory, for
// the program that writes them: it reports what it measured, whatever became of
// the files. The latency log may be empty. Errors are those of Load.
func FromMemory(dir string, bench, latency []byte) (*Run, error) {
	run, err := Read(filepath.Join(dir, benchlog.BenchFile), bytes.NewReader(bench))
	if err != nil {
		return nil, err
	}
	run.Path, run.Files = dir, []string{benchlog.BenchFile, benchlog.LatencyFile}
	run.readLatency(bytes.NewReader(latency))
	return run, nil
}
