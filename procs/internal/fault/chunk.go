package fault

// Chunk says which element of a chunk failed.
type Chunk struct {
	Index int // of the element
	Err   error
}

// Error is the message of the element's error.
func (e *Chunk) Error() string { return Text(e.Err) }

// Unwrap returns the element's error.
func (e *Chunk) Unwrap() error { return e.Err }
