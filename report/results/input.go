package results

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"switchyard/report/format"
)

// maxBytes limits one input, after decompression. It is far above any real run;
// what is beyond it is left out, with a note.
var maxBytes int64 = 256 << 20

// foreignMagic recognises files that hold results in a form that has to be
// undone by another program first, and names a command that does it.
var foreignMagic = []struct{ magic, what, remedy string }{
	{"\x28\xb5\x2f\xfd", "a zstd file", "zstd -dc"},
	{"\xfd7zXZ\x00", "an xz file", "xz -dc"},
	{"BZh", "a bzip2 file", "bzip2 -dc"},
	{"PK\x03\x04", "a zip archive", "unzip -p"},
}

// decoded returns the text of an input: gzip is unpacked, UTF-16 and UTF-8 with
// a byte order mark are read as what they are. Other compressed files are an
// error that names the remedy.
func decoded(name string, r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, m := range foreignMagic {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return nil, fmt.Errorf("it is %s; try: %s %s | switchyard report -", m.what, m.remedy, format.ShellQuote(name))
		}
	}
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = bufio.NewReaderSize(unzipped{z}, 64<<10)
		if head, err = in.Peek(4); err != nil && err != io.EOF {
			return nil, fmt.Errorf("unpacking it: %w", err)
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		in.Discard(3)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), len(head) >= 4 && head[0] != 0 && head[1] == 0 && head[2] != 0 && head[3] == 0:
		return &utf16Reader{in: in, order: binary.LittleEndian}, nil
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}), len(head) >= 4 && head[0] == 0 && head[1] != 0 && head[2] == 0 && head[3] != 0:
		return &utf16Reader{in: in, order: binary.BigEndian}, nil
	}
	return in, nil
}

// unzipped says of all kinds of damage that the file ends too early.
type unzipped struct{ *gzip.Reader }

func (z unzipped) Read(p []byte) (int, error) {
	n, err := z.Reader.Read(p)
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// A utf16Reader turns UTF-16, which PowerShell writes for ">", into UTF-8.
type utf16Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	high  rune // first half of a pair, 0 when there is none
	out   []byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		var unit [2]byte
		if _, err := io.ReadFull(u.in, unit[:]); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF // half a unit is half a character: it says nothing
			}
			return 0, err
		}
		u.add(rune(u.order.Uint16(unit[:])))
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// add decodes one more unit. Half a pair stands for no character, and takes
// none with it.
func (u *utf16Reader) add(c rune) {
	u.out = u.out[:0]
	if high := u.high; high != 0 {
		u.high = 0
		if pair := utf16.DecodeRune(high, c); pair != utf8.RuneError {
			c = pair
		} else {
			u.out = utf8.AppendRune(u.out, utf8.RuneError)
		}
	}
	switch {
	case utf16.IsSurrogate(c):
		u.high = c
	case c != '\uFEFF': // the byte order mark
		u.out = utf8.AppendRune(u.out, c)
	}
}
