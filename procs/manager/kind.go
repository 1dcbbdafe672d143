package manager

import (
	"fmt"

	"switchyard/procs/internal/codec"
)

// objectKind says what a managed object is.
type objectKind uint32

const (
	objectDict objectKind = 1 + iota
	objectList
	objectNamespace
	objectValue
	objectArray
	objectQueue
	objectEvent
	objectLock
	objectSemaphore
	objectCondition
	objectBarrier
	objectPool
	objectCustom
)

// newObject makes an object in the manager; c holds the constructor's
// arguments.
func newObject(c *serverCall, kind objectKind) (object, error) {
	switch kind {
	case objectDict:
		return newDictObject(), nil
	case objectList:
		return new(listObject), nil
	case objectNamespace:
		return &namespaceObject{values: make(map[string]namespaceEntry)}, nil
	case objectValue:
		return newValueObject(c)
	case objectArray:
		return newArrayObject(c)
	case objectQueue:
		return newQueueObject(c)
	case objectEvent:
		return new(eventObject), nil
	case objectLock:
		return newLockObject(c)
	case objectSemaphore:
		return newSemaphoreObject(c)
	case objectCondition:
		return &conditionObject{lockObject: lockObject{recursive: true}}, nil
	case objectBarrier:
		return newBarrierObject(c)
	case objectPool:
		return newPoolObject(c)
	case objectCustom:
		return newCustomObject(c)
	}
	return nil, fmt.Errorf("%w: managed object of kind %d", codec.ErrWire, kind)
}

// copyImage copies what is going to be stored out of a request.
func copyImage(b []byte) []byte { return append([]byte(nil), b...) }

// appendRefs collects the objects that images refer to.
func appendRefs(refs []uint64, image []byte) []uint64 {
	if len(image) > 0 && image[0] == 0 {
		return refs
	}
	more, _, _ := imageRefs(image)
	return append(refs, more...)
}
