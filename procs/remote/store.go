package remote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"switchyard/procs"
)

var (
	// ErrNoObject means that a store has no object of this name.
	ErrNoObject = errors.New("remote: no such object")
	// ErrDamaged means that an object is not what was put: parts of it are
	// missing, or others, or it was replaced while it was read.
	ErrDamaged = errors.New("remote: object is damaged")
)

// StoreConfig says what a store is like.
type StoreConfig struct {
	// MaxObject is how long an object may be that is put here, in bytes; a
	// longer one is procs.ErrMessageTooLong. 0: 1 GiB.
	MaxObject int64
	// MaxBytes is how long all objects together may be; what would exceed it is
	// procs.ErrFull. It counts when OpenStore makes the store. 0: as long as
	// the server has room for on its disk.
	MaxBytes int64
}

// Store keeps large objects by their names: a bucket of NATS's object store,
// NAMESPACE-store-NAME. They travel in pieces of 128 KiB, so that neither side
// holds a whole one in memory, and are checked by their SHA-256.
type Store struct {
	object
	objects jetstream.ObjectStore
	bucket  string
	most    int64
}

const (
	defaultMaxObject = 1 << 30
	objectChunk      = 128 << 10
	objectStall      = 10 * time.Second // without a piece
)

// OpenStore opens the store of this name, and makes it if there is none. It
// stays on the server until Remove.
func OpenStore(ctx context.Context, s *Session, name string, config StoreConfig) (*Store, error) {
	bucket, err := s.objectName("store", name)
	switch {
	case err != nil:
		return nil, err
	case config.MaxObject < 0 || config.MaxBytes < 0:
		return nil, errors.New("remote: OpenStore: MaxObject and MaxBytes must not be negative")
	}
	o := &Store{bucket: bucket, most: config.MaxObject}
	if o.most == 0 {
		o.most = defaultMaxObject
	}
	if config.MaxBytes == 0 {
		config.MaxBytes = -1
	}
	// As jetstream.CreateObjectStore does it, but for who answers: see Dict.
	o.object, err = s.open(ctx, fmt.Sprintf("store %.40q", name), jetstream.StreamConfig{Name: "OBJ_" + bucket,
		Subjects: []string{"$O." + bucket + ".C.>", "$O." + bucket + ".M.>"},
		MaxBytes: config.MaxBytes, Discard: jetstream.DiscardNew, AllowRollup: true})
	if err != nil {
		return nil, err
	}
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		o.objects, err = o.js.ObjectStore(ctx, bucket)
		return err
	})
	return o, o.failed(err)
}

// Put stores what r has under a name, in place of what was there, and returns
// its length. Until it is there as a whole, Get returns the old one. An error
// of r, and ctx's between two pieces, end it, and what was sent is removed
// again. Put does not survive the loss of the connection: ErrConnectionLost.
func (o *Store) Put(ctx context.Context, name string, r io.Reader) (int64, error) {
	if name == "" || len(name) > maxKey/2 {
		return 0, o.failed(fmt.Errorf("%w: object %.40q: 1 to %d bytes", ErrName, name, maxKey/2))
	}
	later, cancel := lingering(ctx, callTimeout)
	defer cancel()
	info, err := o.objects.Put(later, jetstream.ObjectMeta{Name: name,
		Opts: &jetstream.ObjectMetaOptions{ChunkSize: uint32(min(objectChunk, o.s.nc.MaxPayload()-valueHead))}},
		&source{ctx: ctx, r: r, left: o.most})
	switch {
	case err == nil:
		return int64(info.Size), nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case storeFailed(err, "maximum bytes"):
		err = procs.ErrFull
	case unanswered(err), errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		err = fmt.Errorf("%w: %w", ErrConnectionLost, err)
	}
	return 0, o.failed(fmt.Errorf("put %.40q: %w", name, err))
}

// source reads whole pieces, and no more than there may be.
type source struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (s *source) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s.r, b)
	if s.left -= int64(n); s.left < 0 {
		return 0, fmt.Errorf("%w: it is longer than MaxObject", procs.ErrMessageTooLong)
	}
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

// Get writes an object to w, and returns how many bytes it wrote. ErrNoObject:
// there is none. After any other error, ErrDamaged in particular, what was
// written is not the object.
func (o *Store) Get(ctx context.Context, name string, w io.Writer) (n int64, err error) {
	info, err := o.info(ctx, name)
	if err != nil {
		return 0, err
	}
	if n, err = o.copy(ctx, info, w); err != nil {
		return n, o.failed(fmt.Errorf("get %.40q: %w", name, err))
	}
	return n, nil
}

func (o *Store) info(ctx context.Context, name string) (info *jetstream.ObjectInfo, err error) {
	err = o.s.ask(ctx, func(ctx context.Context) (err error) {
		info, err = o.objects.GetInfo(ctx, name)
		return err
	})
	if errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrNameRequired) {
		err = fmt.Errorf("%w: %.40q", ErrNoObject, name)
	}
	return info, o.failed(err)
}

// copy copies the pieces of an object.
func (o *Store) copy(ctx context.Context, info *jetstream.ObjectInfo, w io.Writer) (n int64, err error) {
	want, err := jetstream.DecodeObjectDigest(info.Digest)
	if err != nil {
		return 0, fmt.Errorf("%w: digest %.40q", ErrDamaged, info.Digest)
	}
	hash := sha256.New()
	if info.Size > 0 {
		var pieces jetstream.MessagesContext
		if err := o.whole(ctx, info); err != nil {
			return 0, err
		}
		err = o.s.ask(ctx, func(ctx context.Context) error {
			c, err := o.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
				FilterSubjects: []string{o.pieces(info)}})
			if err == nil {
				pieces, err = c.Messages(jetstream.PullMaxMessages(16))
			}
			return err
		})
		if err != nil {
			return 0, err
		}
		defer pieces.Stop()
		for n < int64(info.Size) {
			piece, err := o.piece(ctx, info, pieces)
			if err != nil {
				return n, err
			}
			if n += int64(len(piece)); n > int64(info.Size) {
				break
			}
			hash.Write(piece)
			if _, err := w.Write(piece); err != nil {
				return n, err
			}
		}
	}
	if n != int64(info.Size) || !slices.Equal(hash.Sum(nil), want) {
		return n, ErrDamaged
	}
	return n, nil
}

func (o *Store) pieces(info *jetstream.ObjectInfo) string {
	return "$O." + o.bucket + ".C." + info.NUID
}

// whole returns ErrDamaged if pieces are missing.
func (o *Store) whole(ctx context.Context, info *jetstream.ObjectInfo) error {
	return o.s.ask(ctx, func(ctx context.Context) error {
		here, err := o.stream.Info(ctx, jetstream.WithSubjectFilter(o.pieces(info)))
		if err == nil && here.State.Subjects[o.pieces(info)] != uint64(info.Chunks) {
			err = ErrDamaged
		}
		return err
	})
}

// piece returns the next one. If none comes, others may have removed them.
func (o *Store) piece(ctx context.Context, info *jetstream.ObjectInfo, pieces jetstream.MessagesContext) ([]byte, error) {
	for {
		limited, cancel := context.WithTimeout(ctx, objectStall)
		m, err := pieces.Next(jetstream.NextContext(limited))
		cancel()
		switch {
		case err == nil:
			return m.Data(), nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case o.s.nc.IsClosed():
			return nil, procs.ErrClosed
		case !errors.Is(err, context.DeadlineExceeded):
			return nil, err
		}
		if err := o.whole(ctx, info); err != nil {
			return nil, err
		}
	}
}

// Delete removes an object, if it is there. If its answer is lost with the
// connection it is done again, to what others may have put meanwhile.
func (o *Store) Delete(ctx context.Context, name string) error {
	err := o.s.ask(ctx, func(ctx context.Context) error { return o.objects.Delete(ctx, name) })
	if errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrNameRequired) {
		return nil
	}
	return o.failed(err)
}

// Names returns the names of all objects, sorted.
func (o *Store) Names(ctx context.Context) (names []string, err error) {
	err = o.s.ask(ctx, func(ctx context.Context) error {
		all, err := o.objects.List(ctx)
		names = nil
		for _, info := range all {
			names = append(names, info.Name)
		}
		if errors.Is(err, jetstream.ErrNoObjectsFound) {
			err = nil
		}
		return err
	})
	slices.Sort(names)
	return names, o.failed(err)
}

// Remove removes the store for everybody, with all objects; other users get
// ErrRemoved.
func (o *Store) Remove(ctx context.Context) error { return o.remove(ctx) }
