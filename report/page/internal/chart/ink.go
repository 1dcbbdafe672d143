package chart

// An ink is a colour by name: the canvas writes it as a class, and the style
// sheet gives it a value for light, dark and print. The empty ink takes the
// colour of the group around it.
type ink string

// RGBA makes an ink a color.Color. Nothing reads it: the canvas writes names.
func (ink) RGBA() (r, g, b, a uint32) { return 0, 0, 0, 0xffff }

// The inks that are not a model's.
const (
	inkText  ink = "i-text"
	inkMuted ink = "i-muted"
	inkGrid  ink = "i-grid"
	inkPanel ink = "i-panel"
	inkShade ink = "i-shade"
	inkGroup ink = ""
)
