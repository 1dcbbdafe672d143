package greenlet

import (
	"errors"
	"runtime"
	"testing"
)

func TestSmoke(t *testing.T) {
	main := Main[int]()
	g := New(main, func(self *Greenlet[int], v int) (int, error) {
		for v < 10 {
			v, _ = main.Switch(v + 1)
		}
		return v * 100, nil
	})
	v := 1
	for !g.Dead() {
		v, _ = g.Switch(v + 1)
	}
	if v != 1100 && v != 1000 {
		t.Fatal(v)
	}
	boom := New(main, func(self *Greenlet[int], v int) (int, error) { panic("boom") })
	func() {
		defer func() {
			p := recover().(*PanicError)
			if p.Value != "boom" {
				t.Error(p)
			}
		}()
		boom.Switch(1)
	}()
	e := errors.New("x")
	bad := New(main, func(self *Greenlet[int], v int) (int, error) { return 0, e })
	if _, err := bad.Switch(0); err != e {
		t.Fatal(err)
	}
	for i := 0; i < 2000; i++ {
		New(main, func(self *Greenlet[int], v int) (int, error) { return main.Switch(3) }).Switch(i)
		if i%100 == 0 {
			runtime.GC()
		}
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		Run(func(m *Greenlet[int]) error {
			var gs []*Greenlet[int]
			for range 10 {
				gs = append(gs, New(m, func(self *Greenlet[int], v int) (int, error) { return m.Switch(3) }))
				gs[len(gs)-1].Switch(0)
			}
			for range 5 {
				x := New(m, func(self *Greenlet[int], v int) (int, error) { runtime.Goexit(); return 0, nil })
				y := New(m, func(self *Greenlet[int], v int) (int, error) { return x.Switch(1) })
				z := New(m, func(self *Greenlet[int], v int) (int, error) { m.Switch(1); return 0, nil })
				z.Switch(3)
				y.SetParent(z)
				x.SetParent(y)
				z.Throw(errors.New("zz"))
			}
			x := New(m, func(self *Greenlet[int], v int) (int, error) { runtime.Goexit(); return 0, nil })
			x.Switch(1)
			t.Error("x returned")
			return nil
		})
	}()
	<-done
	t.Log(runtime.NumGoroutine())
	if err := main.Close(); err != nil {
		t.Fatal(err)
	}
	if runtime.NumGoroutine() > 2 {
		t.Fatal(runtime.NumGoroutine())
	}
}
