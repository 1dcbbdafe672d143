package benchlog

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	hlogStart = "#[StartTime: "
	hlogTag   = "Tag="

	maxHlogLine = 4 << 20
	maxDigits   = 4 // more would make one hostile histogram as large as a gigabyte
)

// LatencyPreamble returns what stands before the histograms of a run.
func LatencyPreamble(started Time) []byte {
	return fmt.Appendf(nil, "#[Histogram log format version 1.3]\n"+
		hlogStart+"%.3f (seconds since epoch), %s]\n"+
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
		float64(started.UnixMilli())/1000, started.UTC().Format(time.RFC3339))
}

// LatencyLine returns the line of an encoded histogram: of a result that began
// so long after its run and took so long, and whose longest latency was maxNS.
func LatencyLine(c Case, began, took time.Duration, maxNS float64, histogram string) []byte {
	return fmt.Appendf(nil, hlogTag+"%s,%.3f,%.3f,%.3f,%s\n",
		c, began.Seconds(), took.Seconds(), maxNS/1e6, histogram)
}

// LatencyTag returns the name of the case whose histogram a line holds, or
// false for a line that holds none.
func LatencyTag(line string) (name string, ok bool) {
	name, _, err := cutLatency(line)
	return name, err == nil && name != ""
}

// ReadLatency reads the latency log of the file's run: an HdrHistogram log (V2,
// compressed). It calls each with the tag and the histogram of every line,
// leaves out damaged ones, and notes that. It reports whether the log is the
// run's own: its first lines give the moment at which the run was begun, as the
// header does. Of another run's log nothing is read.
func (f *File) ReadLatency(r io.Reader, each func(tag string, h *hdrhistogram.PackedHistogram)) (own bool) {
	in := bufio.NewReaderSize(r, 64<<10)
	started, lines, damaged := "", 0, 0
	var first error
	for {
		line, state, err := readLine(in, maxHlogLine)
		if state == lineNone {
			if err != io.EOF {
				f.Note("reading %s stopped early: %v", LatencyFile, err)
			}
			break
		}
		if after, ok := bytes.CutPrefix(line, []byte(hlogStart)); ok && started == "" {
			at, _, _ := bytes.Cut(after, []byte(" "))
			started = string(at)
		}
		if state != lineLong && (len(line) == 0 || line[0] == '#' || line[0] == '"') {
			continue
		}
		if lines++; lines == 1 && !f.Header.Started.is(started) {
			f.Note("%s was not read: it is of another run (begun at %s)", LatencyFile, cut(cmp.Or(started, "no known time"), 40))
			return false
		}
		tag, h, err := parseLatency(string(line))
		if err == nil {
			each(tag, h)
		} else if damaged++; first == nil {
			first = err
		}
	}
	if damaged > 0 {
		f.Note("%d of %d latency histograms could not be read: %v", damaged, lines, first)
	}
	return f.Header.Started.is(started)
}

// is reports whether the moment is the given one, in seconds since 1970, to the
// millisecond.
func (t Time) is(seconds string) bool {
	s, err := strconv.ParseFloat(seconds, 64)
	return err == nil && !t.IsZero() && math.Round(s*1000) == float64(t.UnixMilli())
}

// parseLatency reads "Tag=<tag>,<start>,<length>,<max>,<histogram>".
func parseLatency(line string) (tag string, h *hdrhistogram.PackedHistogram, err error) {
	tag, payload, err := cutLatency(line)
	if err != nil {
		return "", nil, err
	}
	if err := checkGeometry([]byte(payload)); err != nil {
		return tag, nil, err
	}
	h, err = hdrhistogram.DecodePacked([]byte(payload))
	return tag, h, err
}

// cutLatency returns the tag of a line, "" if it has none, and its encoded
// histogram. A tag may hold commas: the four fields after it cannot.
func cutLatency(line string) (tag, payload string, err error) {
	rest, tagged := strings.CutPrefix(line, hlogTag)
	end := len(rest)
	for field := range 4 {
		at := strings.LastIndexByte(rest[:end], ',')
		if at < 0 && (tagged || field < 3) {
			return "", "", errors.New("not a histogram log line")
		}
		if field == 0 {
			payload = strings.TrimSpace(rest[at+1:])
		}
		end = max(at, 0)
	}
	if tagged {
		tag = rest[:end]
	}
	return tag, payload, nil
}

// checkGeometry looks at an encoded histogram's header before it is decoded:
// the number of its counters, and so the memory a payload may unfold into,
// grows tenfold with each significant digit.
func checkGeometry(payload []byte) error {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(payload)))
	n, err := base64.StdEncoding.Decode(raw, payload)
	if err != nil {
		return err
	}
	if n < 8 {
		return errors.New("histogram too short")
	}
	z, err := zlib.NewReader(bytes.NewReader(raw[8:n]))
	if err != nil {
		return err
	}
	defer z.Close()
	var header [hdrhistogram.ENCODING_HEADER_SIZE]byte
	if _, err := io.ReadFull(z, header[:]); err != nil {
		return err
	}
	if digits := binary.BigEndian.Uint32(header[12:]); digits > maxDigits {
		return fmt.Errorf("histogram with %d significant digits", digits)
	}
	return nil
}
