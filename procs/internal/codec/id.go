package codec

// ID is what a function is called between processes: a hash of its name
// (FNV-1a), and one of the sizes of argument and result.
func ID(name string, in, out int) uint64 {
	const prime = 16777619
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * prime
	}
	sizes := (uint32(in)*prime ^ uint32(out)) * prime
	return uint64(h)<<32 | uint64(sizes)
}
