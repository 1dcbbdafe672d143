package inference

import (
	"math"

	"github.com/aclements/go-moremath/mathx"
)

// studentP is the probability that Student's t is at least that far from zero,
// on either side. Infinite degrees of freedom are the normal distribution.
func studentP(t, freedom float64) float64 {
	if math.IsInf(freedom, 1) {
		return math.Erfc(math.Abs(t) / math.Sqrt2)
	}
	return mathx.BetaInc(freedom/(freedom+t*t), freedom/2, 0.5)
}

// studentQuantile is how far from zero t lies with the probability level, at
// most: the half width of an interval, in standard errors.
func studentQuantile(level, freedom float64) float64 {
	lo, hi := 0.0, 1.0
	for studentP(hi, freedom) > 1-level && hi < 1e12 {
		lo, hi = hi, 2*hi
	}
	for range 60 {
		if m := (lo + hi) / 2; studentP(m, freedom) > 1-level {
			lo = m
		} else {
			hi = m
		}
	}
	return hi
}

// quantiles keeps those of Student's t: rows of one size ask for the same.
type quantiles map[[2]float64]float64

func (q quantiles) student(level, freedom float64) float64 {
	key := [2]float64{level, freedom}
	if _, ok := q[key]; !ok {
		q[key] = studentQuantile(level, freedom)
	}
	return q[key]
}

// normalQuantile is studentQuantile of the normal distribution.
func normalQuantile(level float64) float64 { return math.Sqrt2 * math.Erfinv(level) }

// digamma and trigamma are the first two derivatives of the logarithm of the
// gamma function, for x above zero: by recurrence up to where the asymptotic
// series holds (Abramowitz and Stegun, 6.3.18 and 6.4.12).
func digamma(x float64) float64 {
	shift := 0.0
	for ; x < 10; x++ {
		shift -= 1 / x
	}
	y := 1 / (x * x)
	return shift + math.Log(x) - 0.5/x - y*(1./12-y*(1./120-y*(1./252-y/240)))
}

func trigamma(x float64) float64 {
	shift := 0.0
	for ; x < 10; x++ {
		shift += 1 / (x * x)
	}
	y := 1 / (x * x)
	return shift + 1/x + y/2 + y/x*(1./6-y*(1./30-y*(1./42-y/30)))
}

// trigammaInverse is the x at which trigamma is y, above zero.
func trigammaInverse(y float64) float64 {
	lo, hi := 1e-9, 1.0
	for trigamma(hi) > y && hi < 1e9 {
		lo, hi = hi, 2*hi
	}
	for range 60 {
		if m := (lo + hi) / 2; trigamma(m) > y {
			lo = m
		} else {
			hi = m
		}
	}
	return hi
}
