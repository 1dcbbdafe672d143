package hub

import "context"

// cancelled is a context's end on its way into a greenlet.
type cancelled struct{ cause error }

func (c *cancelled) Error() string { return c.cause.Error() }
func (c *cancelled) Unwrap() error { return c.cause }

// WithContext runs f, in the running greenlet, until ctx is done: then its
// blocking call returns an error that wraps context.Cause(ctx). It is
// [Hub.WithTimeout] for those who have a context.
func (h *Hub) WithContext(ctx context.Context, f func() error) error {
	if ctx.Done() == nil {
		return f()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g := h.cur
	if g == nil {
		panic("hub: WithContext in a callback")
	}
	over := false
	end := &cancelled{}
	stop := context.AfterFunc(ctx, func() {
		h.notify(func() {
			if !over {
				end.cause = context.Cause(ctx)
				h.throw(g, end)
			}
		})
	})
	h.holds++ // the context's end comes from outside
	defer func() {
		over = true
		h.holds--
		stop()
		g.forget(end)
	}()
	err := f()
	if is(err, end) {
		return end.cause
	}
	return err
}
