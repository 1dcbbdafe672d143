package greenlet

import (
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// A python test is either answered by one of ours, or it asks for something
// that cannot be asked here, and why says what.
type answer struct {
	python string
	ours   func(*testing.T)
	why    string
}

// Reasons that several share.
const (
	attributes  = "Python looks the run attribute up by code that may switch; here run is a plain function"
	frames      = "Python frame objects; Go has no frames to hold, a PanicError or runtime.Stack shows stacks"
	cpp         = "C++ exceptions; Go code only, panics have their own tests"
	typed       = "the compiler checks the types"
	noNilParent = "a parent cannot be left out or removed: TestMisusePanics"
	profiler    = "sys.setprofile sees Python calls; Go has no such hook"
	finalizing  = "the interpreter's own finalisation; a Go program ends without one"
	subclass    = "Python subclasses; a Go program embeds or wraps a Greenlet"
	switchFails = "makes the switch of C stacks fail artificially; a coroutine switch cannot fail"
	refcounts   = "CPython reference counts or allocation; the garbage collector's part is in the other tests"
	cleanupOff  = "an option that turns cleanup off; there is none here"
)

// conformance maps every test of python-greenlet to ours.
var conformance = []answer{
	{"test_contextvars.ContextVarsTests.test_context_propagated_by_context_run", TestContextGiven, ""},
	{"test_contextvars.ContextVarsTests.test_context_propagated_by_setting_attribute", TestContextGiven, ""},
	{"test_contextvars.ContextVarsTests.test_context_not_propagated", TestContextNotInherited, ""},
	{"test_contextvars.ContextVarsTests.test_context_shared", TestContextPerGreenlet, ""},
	{"test_contextvars.ContextVarsTests.test_break_ctxvars", nil, "entering and leaving Context.run out of order; a Go context is not entered"},
	{"test_contextvars.ContextVarsTests.test_not_broken_if_using_attribute_instead_of_context_run", TestContextPerGreenlet, ""},
	{"test_contextvars.ContextVarsTests.test_context_assignment_while_running", TestContextPerGreenlet, ""},
	{"test_contextvars.ContextVarsTests.test_context_assignment_different_thread", TestForeignGoroutine, ""},
	{"test_contextvars.ContextVarsTests.test_context_assignment_wrong_type", TestMisusePanics, ""},

	{"test_cpp.CPPTests.test_exception_switch", nil, cpp},
	{"test_cpp.CPPTests.test_unhandled_nonstd_exception_aborts", nil, cpp},
	{"test_cpp.CPPTests.test_unhandled_std_exception_aborts", nil, cpp},
	{"test_cpp.CPPTests.test_unhandled_std_exception_as_greenlet_function_aborts", nil, cpp},
	{"test_cpp.CPPTests.test_unhandled_exception_in_greenlet_aborts", nil, cpp},
	{"test_cpp.CPPTests.test_leak_test_exception_switch_and_do_in_g2", nil, cpp},

	{"test_extension_interface.CAPITests.test_switch", TestSimple, ""},
	{"test_extension_interface.CAPITests.test_switch_kwargs", TestValues, ""},
	{"test_extension_interface.CAPITests.test_setparent", TestSetParentErrors, ""},
	{"test_extension_interface.CAPITests.test_getcurrent", TestStates, ""},
	{"test_extension_interface.CAPITests.test_new_greenlet", TestMainHasNoParent, ""},
	{"test_extension_interface.CAPITests.test_raise_greenlet_dead", nil, "raises a C constant; errors are Go values here"},
	{"test_extension_interface.CAPITests.test_raise_greenlet_error", nil, "raises a C constant; errors are Go values here"},
	{"test_extension_interface.CAPITests.test_throw", TestThrow, ""},
	{"test_extension_interface.CAPITests.test_non_traceback_param", nil, typed},
	{"test_extension_interface.CAPITests.test_instance_of_wrong_type", nil, typed},
	{"test_extension_interface.CAPITests.test_not_throwable", TestMisusePanics, ""},
	{"test_extension_interface.CAPITests.test_leaks", TestNoGrowth, ""},

	{"test_gc.TestGC.test_dead_circular_ref", TestCollectedWeakly, ""},
	{"test_gc.TestGC.test_circular_greenlet", TestCollectedWeakly, ""},
	{"test_gc.TestGC.test_inactive_ref", TestCollectedWeakly, ""},
	{"test_gc.TestGC.test_finalizer_crash", TestStackOfKilled, ""},
	{"test_gc.TestGC.test_crashing_deferred_object", TestCollectInside, ""},
	{"test_gc.TestGC.test_cycle_in_suspended_frame", TestStackOfKilled, ""},

	{"test_generator.GeneratorTests.test_generator", TestGenerator, ""},
	{"test_generator_nested.NestedGeneratorTests.test_layered_genlets", TestLayeredGenerators, ""},
	{"test_generator_nested.NestedGeneratorTests.test_permutations", TestPermutations, ""},
	{"test_generator_nested.NestedGeneratorTests.test_genlet_simple", TestGenerator, ""},
	{"test_generator_nested.NestedGeneratorTests.test_genlet_bad", nil, "a test of its own helper, which yields outside a generator; a method of the generator cannot"},
	{"test_generator_nested.NestedGeneratorTests.test_nested_genlets", TestNestedGenerators, ""},

	{"test_greenlet.TestGreenlet.test_simple", TestSimple, ""},
	{"test_greenlet.TestGreenlet.test_switch_no_run_raises_AttributeError", TestMisusePanics, ""},
	{"test_greenlet.TestGreenlet.test_throw_no_run_raises_AttributeError", TestMisusePanics, ""},
	{"test_greenlet.TestGreenlet.test_parent_equals_None", TestMisusePanics, ""},
	{"test_greenlet.TestGreenlet.test_run_equals_None", TestMisusePanics, ""},
	{"test_greenlet.TestGreenlet.test_two_children", TestTwoChildren, ""},
	{"test_greenlet.TestGreenlet.test_two_recursive_children", TestTwoRecursiveChildren, ""},
	{"test_greenlet.TestGreenlet.test_threads", TestManyGoroutines, ""},
	{"test_greenlet.TestGreenlet.test_switching_many_threads", TestManyGoroutines, ""},
	{"test_greenlet.TestGreenlet.test_exception", TestErrorGoesToParent, ""},
	{"test_greenlet.TestGreenlet.test_send_exception", TestSendError, ""},
	{"test_greenlet.TestGreenlet.test_dealloc", TestKilledAsGarbage, ""},
	{"test_greenlet.TestGreenlet.test_dealloc_catches_GreenletExit_throws_other", TestKilledThrowsOther, ""},
	{"test_greenlet.TestGreenlet.test_dealloc_other_thread", TestDroppedElsewhere, ""},
	{"test_greenlet.TestGreenlet.test_frame", nil, frames},
	{"test_greenlet.TestGreenlet.test_thread_bug", TestManyGoroutines, ""},
	{"test_greenlet.TestGreenlet.test_switch_kwargs", TestValues, ""},
	{"test_greenlet.TestGreenlet.test_switch_kwargs_to_parent", TestValues, ""},
	{"test_greenlet.TestGreenlet.test_switch_to_another_thread", TestForeignGoroutine, ""},
	{"test_greenlet.TestGreenlet.test_exc_state", TestRecoverIsPerGreenlet, ""},
	{"test_greenlet.TestGreenlet.test_instance_dict", nil, "Python attributes; a Go program embeds or wraps a Greenlet"},
	{"test_greenlet.TestGreenlet.test_running_greenlet_has_no_run", nil, attributes},
	{"test_greenlet.TestGreenlet.test_deepcopy", nil, "copy hooks; a Greenlet is used by pointer"},
	{"test_greenlet.TestGreenlet.test_parent_restored_on_kill", TestParentWhenKilled, ""},
	{"test_greenlet.TestGreenlet.test_parent_return_failure", TestUnstartedParent, ""},
	{"test_greenlet.TestGreenlet.test_throw_exception_not_lost", nil, attributes},
	{"test_greenlet.TestGreenlet.test_throw_to_dead_thread_doesnt_crash", TestClosedFamily, ""},
	{"test_greenlet.TestGreenlet.test_throw_to_dead_thread_doesnt_crash_wait", TestClosedFamily, ""},
	{"test_greenlet.TestGreenlet.test_recursive_startup", nil, attributes},
	{"test_greenlet.TestGreenlet.test_threaded_updatecurrent", nil, "a race of Python threads for the interpreter's thread state; there is none here"},
	{"test_greenlet.TestGreenlet.test_dealloc_switch_args_not_lost", TestValueOfGarbage, ""},
	{"test_greenlet.TestGreenlet.test_tuple_subclass", nil, "argument tuples that run code when measured; a value is passed as it is"},
	{"test_greenlet.TestGreenlet.test_abstract_subclasses", nil, subclass},
	{"test_greenlet.TestGreenlet.test_implicit_parent_with_threads", nil, "the implicit parent; the parent is always named"},
	{"test_greenlet.TestGreenlet.test_issue_245_reference_counting_subclass_no_threads", nil, refcounts},
	{"test_greenlet.TestGreenlet.test_issue_245_reference_counting_subclass_threads", TestDroppedElsewhere, ""},
	{"test_greenlet.TestGreenlet.test_falling_off_end_switches_to_unstarted_parent_raises_error", TestUnstartedParent, ""},
	{"test_greenlet.TestGreenlet.test_falling_off_end_switches_to_unstarted_parent_works", TestUnstartedParent, ""},
	{"test_greenlet.TestGreenlet.test_switch_to_dead_greenlet_with_unstarted_perverse_parent", nil, attributes},
	{"test_greenlet.TestGreenlet.test_switch_to_dead_greenlet_reparent", TestDeadReparented, ""},
	{"test_greenlet.TestGreenlet.test_can_access_f_back_of_suspended_greenlet", nil, frames},
	{"test_greenlet.TestGreenlet.test_get_stack_with_nested_c_calls", TestDeepStack, ""},
	{"test_greenlet.TestGreenlet.test_frames_always_exposed", nil, frames},
	{"test_greenlet.TestGreenlet.test_switching_holding_critical_section_no_crash", TestHoldingLock, ""},

	{"test_greenlet.TestGreenletSetParentErrors.test_threaded_reparent", TestSetParentErrors, ""},
	{"test_greenlet.TestGreenletSetParentErrors.test_unexpected_reparenting", nil, attributes},
	{"test_greenlet.TestGreenletSetParentErrors.test_unexpected_reparenting_thread_running", nil, attributes},
	{"test_greenlet.TestGreenletSetParentErrors.test_cannot_delete_parent", nil, noNilParent},
	{"test_greenlet.TestGreenletSetParentErrors.test_cannot_delete_parent_of_main", nil, noNilParent},
	{"test_greenlet.TestGreenletSetParentErrors.test_main_greenlet_parent_is_none", TestMainHasNoParent, ""},
	{"test_greenlet.TestGreenletSetParentErrors.test_set_parent_wrong_types", TestMisusePanics, ""},
	{"test_greenlet.TestGreenletSetParentErrors.test_trivial_cycle", TestSetParentErrors, ""},
	{"test_greenlet.TestGreenletSetParentErrors.test_trivial_cycle_main", TestSetParentErrors, ""},
	{"test_greenlet.TestGreenletSetParentErrors.test_deeper_cycle", TestSetParentErrors, ""},

	{"test_greenlet.TestRepr.test_main_while_running", TestString, ""},
	{"test_greenlet.TestRepr.test_main_in_background", TestString, ""},
	{"test_greenlet.TestRepr.test_initial", TestString, ""},
	{"test_greenlet.TestRepr.test_main_from_other_thread", TestStringElsewhere, ""},
	{"test_greenlet.TestRepr.test_dead", TestString, ""},
	{"test_greenlet.TestRepr.test_formatting_produces_native_str", TestString, ""},

	{"test_greenlet.TestMainGreenlet.test_main_greenlet_type_can_be_subclassed", nil, subclass},
	{"test_greenlet.TestMainGreenlet.test_main_greenlet_is_greenlet", TestStates, ""},
	{"test_greenlet.TestMainGreenlet.test_greenlet_run", nil, attributes},

	{"test_greenlet.TestBrokenGreenlets.test_failed_to_initialstub", nil, switchFails},
	{"test_greenlet.TestBrokenGreenlets.test_failed_to_switch_into_running", nil, switchFails},
	{"test_greenlet.TestBrokenGreenlets.test_failed_to_slp_switch_into_running", nil, switchFails},
	{"test_greenlet.TestBrokenGreenlets.test_reentrant_switch_two_greenlets", TestTraceSwitches, ""},
	{"test_greenlet.TestBrokenGreenlets.test_reentrant_switch_three_greenlets", TestTraceSwitches, ""},
	{"test_greenlet.TestBrokenGreenlets.test_reentrant_switch_three_greenlets2", TestTraceSwitches, ""},
	{"test_greenlet.TestBrokenGreenlets.test_reentrant_switch_GreenletAlreadyStartedInPython", nil, attributes},
	{"test_greenlet.TestBrokenGreenlets.test_reentrant_switch_run_callable_has_del", nil, attributes},
	{"test_greenlet.TestModule.test_no_gil_on_free_threaded", nil, "the interpreter's global lock"},
	{"test_greenlet_trash.TestTrashCanReEnter.test_it", nil, "the trash can of CPython, which limits nested deallocation"},

	{"test_interpreter_shutdown.TestInterpreterShutdown.test_active_greenlet_at_shutdown_no_crash", TestExitWithActive, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_multiple_active_greenlets_at_shutdown", TestExitWithActive, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_nested_greenlets_at_shutdown", TestExitWithActive, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_threaded_greenlets_at_shutdown", TestExitWithActive, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_greenlet_cleanup_during_thread_exit", TestRun, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_finally_block_during_thread_exit", TestRun, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_many_greenlets_with_cleanup_at_shutdown", TestClose, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_deeply_nested_greenlets_at_shutdown", TestCloseNested, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_greenlet_with_traceback_at_shutdown", TestCloseErrors, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_getcurrent_during_atexit_no_crash", TestClosedFamily, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_gettrace_during_atexit_no_crash", TestClosedFamily, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_settrace_during_atexit_no_crash", TestClosedFamily, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_getcurrent_with_active_greenlets_during_atexit", TestClosedFamily, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_greenlet_construction_during_atexit_no_crash", TestClosedFamily, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_greenlet_construction_with_active_greenlets_during_atexit", TestClosedFamily, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_greenlet_construction_with_cross_thread_deleteme_during_atexit", TestCloseWithGarbage, ""},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_getcurrent_returns_none_during_gc_finalization", nil, finalizing},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_getcurrent_returns_none_during_gc_finalization_with_active_greenlets", nil, finalizing},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_getcurrent_returns_none_during_gc_finalization_cross_thread", nil, finalizing},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_getcurrent_returns_none_during_atexit_phase", nil, finalizing},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_getcurrent_returns_none_during_atexit_phase_with_active_greenlets", nil, finalizing},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_api_getcurrent_no_system_error_at_module_gc_time", nil, finalizing},
	{"test_interpreter_shutdown.TestInterpreterShutdown.test_switch_no_error_at_module_gc_time", nil, finalizing},

	{"test_leaks.TestLeaks.test_arg_refs", TestValueNotKept, ""},
	{"test_leaks.TestLeaks.test_kwarg_refs", TestValueNotKept, ""},
	{"test_leaks.TestLeaks.test_threaded_leak", TestNoGrowth, ""},
	{"test_leaks.TestLeaks.test_threaded_adv_leak", TestNoGrowth, ""},
	{"test_leaks.TestLeaks.test_issue251_killing_cross_thread_leaks_list", TestDroppedElsewhere, ""},
	{"test_leaks.TestLeaks.test_issue251_with_cleanup_disabled", nil, cleanupOff},
	{"test_leaks.TestLeaks.test_issue251_issue252_need_to_collect_in_background", TestKilledByStarting, ""},
	{"test_leaks.TestLeaks.test_issue251_issue252_need_to_collect_in_background_cleanup_disabled", nil, cleanupOff},
	{"test_leaks.TestLeaks.test_issue251_issue252_explicit_reference_not_collectable", TestKilledAsGarbage, ""},
	{"test_leaks.TestLeaks.test_untracked_memory_doesnt_increase", TestNoGrowth, ""},
	{"test_leaks.TestLeaks.test_untracked_memory_doesnt_increase_unfinished_thread_dealloc_in_thread", TestNoGrowth, ""},
	{"test_leaks.TestLeaks.test_untracked_memory_doesnt_increase_unfinished_thread_dealloc_in_main", TestNoGrowth, ""},

	{"test_stack_saved.Test.test_stack_saved", nil, "pieces of C stack copied to the heap; a goroutine keeps its stack where it is"},

	{"test_throw.ThrowTests.test_class", TestThrow, ""},
	{"test_throw.ThrowTests.test_val", TestThrow, ""},
	{"test_throw.ThrowTests.test_kill", TestExit, ""},
	{"test_throw.ThrowTests.test_throw_goes_to_original_parent", TestThrowGoesToOriginalParent, ""},
	{"test_throw.ThrowTests.test_non_traceback_param", nil, typed},
	{"test_throw.ThrowTests.test_instance_of_wrong_type", nil, typed},
	{"test_throw.ThrowTests.test_not_throwable", TestMisusePanics, ""},

	{"test_tracing.TestGreenletTracing.test_a_greenlet_tracing", TestTrace, ""},
	{"test_tracing.TestGreenletTracing.test_b_exception_disables_tracing", TestTracePanics, ""},
	{"test_tracing.TestGreenletTracing.test_set_same_tracer_twice", TestTrace, ""},
	{"test_tracing.TestPythonTracing.test_trace_events_trivial", nil, profiler},
	{"test_tracing.TestPythonTracing.test_trace_events_into_greenlet_func_already_set", nil, profiler},
	{"test_tracing.TestPythonTracing.test_trace_events_into_greenlet_subclass_already_set", nil, profiler},
	{"test_tracing.TestPythonTracing.test_trace_events_from_greenlet_func_sets_profiler", nil, profiler},
	{"test_tracing.TestPythonTracing.test_trace_events_from_greenlet_subclass_sets_profiler", nil, profiler},
	{"test_tracing.TestPythonTracing.test_trace_events_multiple_greenlets_switching", nil, profiler},
	{"test_tracing.TestPythonTracing.test_trace_events_multiple_greenlets_switching_siblings", nil, profiler},

	{"test_version.VersionTests.test_version", nil, "the version number of the Python package"},

	{"test_weakref.WeakRefTests.test_dead_weakref", TestCollectedWeakly, ""},
	{"test_weakref.WeakRefTests.test_inactive_weakref", TestCollectedWeakly, ""},
	{"test_weakref.WeakRefTests.test_dealloc_weakref", TestCollectedWeakly, ""},
}

// TestConformance checks that the table answers exactly the tests that
// testdata/python-greenlet.txt lists, each by a test of this package or a
// reason.
func TestConformance(t *testing.T) {
	data, err := os.ReadFile("testdata/python-greenlet.txt")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, name := range strings.Fields(string(data)) {
		open[name] = true
	}
	if len(open) < 169 {
		t.Errorf("%d tests are listed, want 169", len(open))
	}
	total, tested := len(open), 0
	for _, a := range conformance {
		if !open[a.python] {
			t.Errorf("%s is not listed, or answered twice", a.python)
		}
		delete(open, a.python)
		switch {
		case (a.ours == nil) == (a.why == ""):
			t.Errorf("%s needs either a test or a reason", a.python)
		case a.ours != nil:
			tested++
			name := runtime.FuncForPC(reflect.ValueOf(a.ours).Pointer()).Name()
			if _, name, _ = strings.Cut(name, "."); !strings.HasPrefix(name, "Test") {
				t.Errorf("%s is answered by %s, which is no test", a.python, name)
			}
		}
	}
	for name := range open {
		t.Errorf("%s has no answer", name)
	}
	t.Logf("of %d tests of python-greenlet, %d are answered by tests, %d do not apply", total, tested, total-tested)
}
