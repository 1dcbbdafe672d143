package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// A draw hands out the changes of one package in a random order that depends
// on nothing but the seed and the package's path.
type draw struct {
	rand   *rand.Rand
	left   [][]*Change // by kind
	weight []float64
}

func newDraw(seed uint64, path string, changes []*Change) *draw {
	h := fnv.New64a()
	h.Write([]byte(path))
	d := &draw{rand: rand.New(rand.NewPCG(seed, h.Sum64()))}
	for _, kind := range kinds {
		var of []*Change
		for _, c := range changes {
			if c.Kind == kind {
				of = append(of, c)
			}
		}
		d.left = append(d.left, of)
		d.weight = append(d.weight, math.Sqrt(float64(len(of))))
	}
	return d
}

// next returns a change that was not drawn before, or nil at the end.
func (d *draw) next() *Change {
	total := 0.0
	for k, of := range d.left {
		if len(of) > 0 {
			total += d.weight[k]
		}
	}
	at := d.rand.Float64() * total
	for k, of := range d.left {
		if len(of) == 0 {
			continue
		}
		if at -= d.weight[k]; at > 0 {
			continue
		}
		i := d.rand.IntN(len(of))
		c := of[i]
		of[i] = of[len(of)-1]
		d.left[k] = of[:len(of)-1]
		return c
	}
	return nil
}
