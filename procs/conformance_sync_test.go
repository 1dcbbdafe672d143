package procs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// syncConformance maps the tests of CPython's test suite for synchronisation, queues and shared memory (Lib/test/_test_multiprocessing.py) to
// ours that asserts the same of the same thing here, or to the reason why there is nothing to assert.
var syncConformance = map[string]string{
	"_TestQueue.test_put":                                "TestQueuePut",
	"_TestQueue.test_get":                                "TestQueueGet",
	"_TestQueue.test_fork":                               "TestQueueOutlivesItsPutter",
	"_TestQueue.test_qsize":                              "TestQueueLen",
	"_TestQueue.test_task_done":                          "TestJoinableQueue",
	"_TestQueue.test_no_import_lock_contention":          "n/a: Go has no import lock",
	"_TestQueue.test_timeout":                            "TestQueueGet",
	"_TestQueue.test_queue_feeder_donot_stop_onexc":      "TestQueueRefusesWhatCannotTravel",
	"_TestQueue.test_queue_feeder_on_queue_feeder_error": "TestQueueRefusesWhatCannotTravel",
	"_TestQueue.test_closed_queue_empty_exceptions":      "TestQueueClosed",
	"_TestQueue.test_closed_queue_put_get_exceptions":    "TestQueueClosed",

	"TestSimpleQueue.test_empty_exceptions": "TestSimpleQueue",
	"TestSimpleQueue.test_empty":            "TestSimpleQueue",
	"TestSimpleQueue.test_close":            "TestSimpleQueue",
	"TestSimpleQueue.test_closed":           "TestSimpleQueue",

	"_TestLock.test_lock":         "TestLock",
	"_TestLock.test_rlock":        "TestRLock",
	"_TestLock.test_lock_context": "n/a: Go has no with statement; defer Release does it",

	"_TestSemaphore.test_semaphore":         "TestSemaphore",
	"_TestSemaphore.test_bounded_semaphore": "TestBoundedSemaphore",
	"_TestSemaphore.test_timeout":           "TestSemaphoreTimeout",

	"_TestCondition.test_notify":          "TestConditionNotify",
	"_TestCondition.test_notify_all":      "TestConditionNotifyAll",
	"_TestCondition.test_notify_n":        "TestConditionNotifyN",
	"_TestCondition.test_timeout":         "TestConditionTimeout",
	"_TestCondition.test_waitfor":         "TestConditionWaitFor",
	"_TestCondition.test_waitfor_timeout": "TestConditionWaitFor",
	"_TestCondition.test_wait_result":     "TestConditionTimeout",

	"_TestEvent.test_event": "TestEvent",
	"_TestEvent.test_repr":  "TestEvent",

	"_TestBarrier.test_barrier":         "TestBarrierRounds",
	"_TestBarrier.test_barrier_10":      "TestBarrierRounds",
	"_TestBarrier.test_wait_return":     "TestBarrierWaitReturn",
	"_TestBarrier.test_action":          "TestBarrierAction",
	"_TestBarrier.test_abort":           "TestBarrierAbort",
	"_TestBarrier.test_reset":           "TestBarrierReset",
	"_TestBarrier.test_abort_and_reset": "TestBarrierReset",
	"_TestBarrier.test_timeout":         "TestBarrierTimeout",
	"_TestBarrier.test_default_timeout": "n/a: limits belong to the calls: WaitTimeout, or Wait with a context",
	"_TestBarrier.test_single_thread":   "TestBarrierOfOne",
	"_TestBarrier.test_thousand":        "TestBarrierRounds",

	"_TestValue.test_value":               "TestValue",
	"_TestValue.test_rawvalue":            "TestValue",
	"_TestValue.test_getobj_getlock":      "TestValueLock",
	"_TestArray.test_array":               "TestArray",
	"_TestArray.test_array_from_size":     "TestArray",
	"_TestArray.test_rawarray":            "TestValue",
	"_TestArray.test_getobj_getlock_obj":  "TestArray",
	"_TestSharedCTypes.test_sharedctypes": "TestValue",
	"_TestSharedCTypes.test_synchronize":  "TestValueLock",
	"_TestSharedCTypes.test_copy":         "TestValue",
	"_TestHeap.test_heap":                 "n/a: there is no arena to divide: every object has its own segment",
	"_TestHeap.test_free_from_gc":         "TestSharedObjectsGoWithTheGarbage",

	"_TestSharedMemory.test_shared_memory_name_with_embedded_null":                     "TestSharedMemoryNamed",
	"_TestSharedMemory.test_shared_memory_basics":                                      "TestSharedMemoryNamed",
	"_TestSharedMemory.test_shared_memory_recreate":                                    "TestSharedMemoryNamed",
	"_TestSharedMemory.test_invalid_shared_memory_creation":                            "TestSharedMemory",
	"_TestSharedMemory.test_shared_memory_pickle_unpickle":                             "TestSharedMemoryNamed",
	"_TestSharedMemory.test_shared_memory_pickle_unpickle_dead_object":                 "TestSharedMemoryClosed",
	"_TestSharedMemory.test_shared_memory_across_processes":                            "TestSharedMemory",
	"_TestSharedMemory.test_shared_memory_SharedMemoryServer_ignores_sigint":           "n/a: no server holds blocks: an anonymous one is gone with the last process that has it",
	"_TestSharedMemory.test_shared_memory_SharedMemoryManager_reuses_resource_tracker": "n/a: no server holds blocks",
	"_TestSharedMemory.test_shared_memory_SharedMemoryManager_basics":                  "n/a: no server holds blocks",
	"_TestSharedMemory.test_shared_memory_ShareableList_basics":                        "TestShareableList",
	"_TestSharedMemory.test_shared_memory_ShareableList_pickling":                      "TestShareableList",
	"_TestSharedMemory.test_shared_memory_ShareableList_pickling_dead_object":          "TestShareableListClosed",
	"_TestSharedMemory.test_shared_memory_cleaned_after_process_termination":           "TestSharedMemoryGoesWithItsKilledCreator",
	"_TestSharedMemory.test_shared_memory_untracking":                                  "TestSharedMemoryAttachedIsNotTracked",
	"_TestSharedMemory.test_shared_memory_tracking":                                    "TestSharedMemoryGoesWithItsKilledCreator",

	"TestResourceTracker.test_resource_tracker":           "internal/shm.TestNamedGoesWithItsKilledCreator",
	"TestResourceTracker.test_resource_tracker_sigint":    "internal/shm.TestTrackerIgnoresSignals",
	"TestResourceTracker.test_resource_tracker_sigterm":   "internal/shm.TestTrackerIgnoresSignals",
	"TestResourceTracker.test_resource_tracker_sigkill":   "internal/shm.TestTrackerIsReplaced",
	"TestResourceTracker.test_resource_tracker_reused":    "n/a: each process that makes names has a tracker of its own, so that its names go with it",
	"TestResourceTracker.test_too_long_name_resource":     "internal/shm.TestNamed",
	"TestResourceTracker.test_resource_tracker_exit_code": "n/a: the tracker cleans up silently; its exit code means nothing",

	"TestNamedResource.test_global_named_resource_spawn": "n/a: locks have no names: they reach children as arguments",
	"TestForkAwareThreadLock.test_lock":                  "n/a: nothing is forked",
	"SemLockTests.test_semlock_subclass":                 "n/a: Go has no subclasses",
}

// Every row names a test that exists, or gives a reason.
func TestSyncConformance(t *testing.T) {
	have := map[string]bool{}
	for prefix, pattern := range map[string]string{"": "*_test.go", "internal/shm.": "internal/shm/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
					have[prefix+fn.Name.Name] = true
				}
			}
		}
	}
	reasons := 0
	for python, ours := range syncConformance {
		switch {
		case strings.HasPrefix(ours, "n/a: "):
			reasons++
		case !have[ours]:
			t.Errorf("%s: there is no %s", python, ours)
		}
	}
	t.Logf("%d of %d have a test, %d a reason", len(syncConformance)-reasons, len(syncConformance), reasons)
}
