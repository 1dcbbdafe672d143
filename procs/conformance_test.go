package procs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// processConformance maps tests of CPython's suites for multiprocessing and concurrent.futures (testdata/cpython-*.txt) to ours that
// asserts the same of the same thing here, or to the reason why there is nothing to assert. Synchronisation and
// queues are in syncConformance.
var processConformance = map[string]string{
	"TestInternalDecorators.test_only_run_in_spawn_testsuite": "n/a: tests the decorators of CPython's own suite",

	"_TestProcess.test_current":                      "TestProcessFamily",
	"_TestProcess.test_set_executable":               "TestProcessSurroundings",
	"_TestProcess.test_args_argument":                "TestProcess",
	"_TestProcess.test_daemon_argument":              "TestProcess",
	"_TestProcess.test_parent_process_attributes":    "TestProcessFamily",
	"_TestProcess.test_parent_process":               "TestParentJoin",
	"_TestProcess.test_process":                      "TestProcess",
	"_TestProcess.test_process_mainthread_native_id": "n/a: goroutines have no thread ids",
	"_TestProcess.test_terminate":                    "TestProcessExitCodes",
	"_TestProcess.test_kill":                         "TestProcessExitCodes",
	"_TestProcess.test_cpu_count":                    "n/a: runtime.NumCPU is Go's",
	"_TestProcess.test_active_children":              "TestManyProcesses",
	"_TestProcess.test_recursion":                    "TestProcessFamily",
	"_TestProcess.test_sentinel":                     "TestManyProcesses",
	"_TestProcess.test_close":                        "TestProcess",
	"_TestProcess.test_many_processes":               "TestManyProcesses",
	"_TestProcess.test_lose_target_ref":              "n/a: registered functions live as long as the program",
	"_TestProcess.test_child_fd_inflation":           "TestProcessInheritsNothing",
	"_TestProcess.test_wait_for_threads":             "n/a: a Go process does not wait for goroutines",
	"_TestProcess.test_error_on_stdio_flush_1":       "n/a: os.Stdout has no buffer to flush",
	"_TestProcess.test_error_on_stdio_flush_2":       "n/a: os.Stdout has no buffer to flush",
	"_TestProcess.test_forkserver_sigint":            "n/a: there is no fork server; Spares do its work",
	"_TestProcess.test_forkserver_sigkill":           "n/a: there is no fork server; Spares do its work",
	"_TestSubclassingProcess.test_subclassing":       "TestProcessOf",
	"_TestSubclassingProcess.test_stderr_flush":      "TestProcessPanics",
	"_TestSubclassingProcess.test_sys_exit":          "TestProcessExitCodes",

	"_TestPool.test_apply":                                          "TestPoolApply",
	"_TestPool.test_map":                                            "TestPoolMap",
	"_TestPool.test_starmap":                                        "TestPoolStarmap",
	"_TestPool.test_starmap_async":                                  "TestPoolStarmap",
	"_TestPool.test_map_async":                                      "TestPoolApplyAsync",
	"_TestPool.test_map_async_callbacks":                            "TestPoolCallbacks",
	"_TestPool.test_map_unplicklable":                               "TestExecutorSurvivesTransport",
	"_TestPool.test_map_chunksize":                                  "TestPoolMap",
	"_TestPool.test_map_handle_iterable_exception":                  "n/a: Map takes a slice, which cannot fail",
	"_TestPool.test_async":                                          "TestPoolApplyAsync",
	"_TestPool.test_async_timeout":                                  "TestPoolGetTimeout",
	"_TestPool.test_imap":                                           "TestPoolImap",
	"_TestPool.test_imap_handle_iterable_exception":                 "TestPoolImap",
	"_TestPool.test_imap_unordered":                                 "TestPoolImap",
	"_TestPool.test_imap_unordered_handle_iterable_exception":       "TestPoolImap",
	"_TestPool.test_make_pool":                                      "TestPoolMaxTasksPerChild",
	"_TestPool.test_terminate":                                      "TestPoolTerminate",
	"_TestPool.test_empty_iterable":                                 "TestPoolMap",
	"_TestPool.test_context":                                        "n/a: Go has no with statement; defer Terminate does it",
	"_TestPool.test_traceback":                                      "TestPoolTaskFailures",
	"_TestPool.test_wrapped_exception":                              "TestPoolMap",
	"_TestPool.test_map_no_failfast":                                "TestPoolMapGoesOn",
	"_TestPool.test_release_task_refs":                              "TestFutureKeepsNoArgument",
	"_TestPool.test_enter":                                          "n/a: Go has no with statement",
	"_TestPool.test_resource_warning":                               "n/a: Go has no destructors to warn from; the kernel ends workers with their parent",
	"_TestPoolWorkerErrors.test_async_error_callback":               "TestPoolCallbacks",
	"_TestPoolWorkerErrors.test_unpickleable_result":                "TestFaultTasks",
	"_TestPoolWorkerLifetime.test_pool_worker_lifetime":             "TestPoolMaxTasksPerChild",
	"_TestPoolWorkerLifetime.test_pool_worker_lifetime_early_close": "TestPoolMaxTasksPerChild",
	"_TestPoolWorkerLifetime.test_pool_maxtasksperchild_invalid":    "TestPoolMaxTasksPerChild",
	"_TestPoolWorkerLifetime.test_worker_finalization_via_atexit_handler_of_multiprocessing": "TestWorkerAtExit",
	"TestPoolNotLeakOnFailure.test_release_unused_processes":                                 "TestFaultFewFiles",

	"_TestConnection.test_connection":          "TestPipeValues",
	"_TestConnection.test_duplex_false":        "TestPipeValues",
	"_TestConnection.test_spawn_close":         "TestPipe",
	"_TestConnection.test_sendbytes":           "TestPipe",
	"_TestConnection.test_fd_transfer":         "TestPipeValues",
	"_TestConnection.test_large_fd_transfer":   "TestPipeManyFiles",
	"_TestConnection.test_missing_fd_transfer": "TestPipeTypes",
	"_TestConnection.test_context":             "n/a: Go has no with statement; defer Close does it",
	"_TestPoll.test_empty_string":              "TestPipePoll",
	"_TestPoll.test_strings":                   "TestPipePoll",
	"_TestPoll.test_boundaries":                "TestPipePoll",
	"_TestPoll.test_dont_merge":                "TestPipePoll",
	"_TestPollEintr.test_poll_eintr":           "TestPipeSignals",
	"TestIgnoreEINTR.test_ignore":              "TestPipeSignals",
	"_TestPicklingConnections.test_pickling":   "TestPoolSharedObjects",
	"_TestPicklingConnections.test_access":     "TestPipeValues",
	"TestInvalidHandle.test_invalid_handles":   "n/a: a Conn is never made from a number",

	"TestWait.test_wait":             "TestWait",
	"TestWait.test_wait_socket":      "n/a: channels are what Go programs select on; see Wait",
	"TestWait.test_wait_slow":        "TestWait",
	"TestWait.test_wait_socket_slow": "n/a: channels are what Go programs select on; see Wait",
	"TestWait.test_wait_timeout":     "TestWait",
	"TestWait.test_wait_integer":     "TestWait",
	"TestWait.test_neg_timeout":      "n/a: a context has no negative time",

	"_TestFinalize.test_finalize":                               "TestProcessEndJoinsChildren",
	"_TestFinalize.test_thread_safety":                          "n/a: the garbage collector's cleanups are Go's own",
	"_TestImportStar.test_import":                               "n/a: Go's compiler checks what a package exports",
	"_TestAtExit.test_atexit":                                   "TestProcessEndJoinsChildren",
	"MiscTestCase.test__all__":                                  "n/a: Go's compiler checks what a package exports",
	"MiscTestCase.test_spawn_sys_executable_none_allows_import": "n/a: a Go program is its own executable",
	"MiscTestCase.test_large_pool":                              "TestLargePool",
	"_TestLogging.test_enable_logging":                          "TestLog",
	"_TestLogging.test_level":                                   "TestLog",
	"_TestLogging.test_filename":                                "n/a: the hook gets messages; files and lines are the logger's",
	"TestInitializers.test_pool_initializer":                    "TestPoolInitializer",
	"TestStdinBadfiledescriptor.test_queue_in_process":          "n/a: the Go runtime opens missing standard files",
	"TestStdinBadfiledescriptor.test_pool_in_process":           "n/a: the Go runtime opens missing standard files",
	"TestStdinBadfiledescriptor.test_flushing":                  "n/a: os.Stdout has no buffer to flush",
	"TestFlags.test_flags":                                      "n/a: the interpreter's flags",
	"TestTimeouts.test_timeout":                                 "TestPoolGetTimeout",
	"TestNoForkBomb.test_noforkbomb":                            "TestNotInitialised",
	"TestCloseFds.test_closefd":                                 "TestProcessInheritsNothing",
	"TestStartMethod.test_context":                              "n/a: there is one start method: spawn",
	"TestStartMethod.test_context_check_module_types":           "n/a: there is one start method: spawn",
	"TestStartMethod.test_set_get":                              "n/a: there is one start method: spawn",
	"TestStartMethod.test_get_all":                              "n/a: there is one start method: spawn",
	"TestStartMethod.test_preload_resources":                    "n/a: there is one start method: spawn",
	"TestStartMethod.test_mixed_startmethod":                    "n/a: there is one start method: spawn",
	"TestStartMethod.test_nested_startmethod":                   "n/a: there is one start method: spawn",

	"_TestContainers.test_list":                        "TestManagerList",
	"_TestContainers.test_list_iter":                   "TestManagerList",
	"_TestContainers.test_list_proxy_in_list":          "TestManagerNested",
	"_TestContainers.test_dict":                        "TestManagerDict",
	"_TestContainers.test_dict_iter":                   "TestManagerDict",
	"_TestContainers.test_dict_proxy_nested":           "TestManagerNested",
	"_TestContainers.test_nested_queue":                "TestManagerNested",
	"_TestContainers.test_namespace":                   "TestManagerNamespace",
	"TestSyncManagerTypes.test_list":                   "TestManagerList",
	"TestSyncManagerTypes.test_event":                  "TestManagerSync",
	"TestSyncManagerTypes.test_lock":                   "TestManagerSync",
	"TestSyncManagerTypes.test_rlock":                  "TestManagerSync",
	"TestSyncManagerTypes.test_semaphore":              "TestManagerSync",
	"TestSyncManagerTypes.test_bounded_semaphore":      "TestManagerSync",
	"TestSyncManagerTypes.test_condition":              "TestManagerCondition",
	"TestSyncManagerTypes.test_barrier":                "TestManagerBarrier",
	"TestSyncManagerTypes.test_pool":                   "TestManagerPool",
	"TestSyncManagerTypes.test_queue":                  "TestManagerQueue",
	"TestSyncManagerTypes.test_joinable_queue":         "TestManagerQueue",
	"TestSyncManagerTypes.test_dict":                   "TestManagerDict",
	"TestSyncManagerTypes.test_value":                  "TestManagerValueAndArray",
	"TestSyncManagerTypes.test_array":                  "TestManagerValueAndArray",
	"TestSyncManagerTypes.test_namespace":              "TestManagerNamespace",
	"_TestMyManager.test_mymanager":                    "TestManagerCustom",
	"_TestMyManager.test_mymanager_context":            "n/a: Go has no with statement; defer Shutdown does it",
	"_TestMyManager.test_mymanager_context_prestarted": "n/a: Go has no with statement; defer Shutdown does it",
	"_TestRemoteManager.test_remote":                   "TestManagerCustom",
	"_TestManagerRestart.test_rapid_restart":           "TestListenerMultipleBind",
	"TestManagerExceptions.test_queue_get":             "TestManagerQueue",
	"TestManagerExceptions.test_dispatch":              "TestManagerCustom",
	"TestInitializers.test_manager_initializer":        "n/a: what a manager offers is registered in the program itself",

	"_TestListener.test_multiple_bind":              "TestListenerMultipleBind",
	"_TestListener.test_context":                    "n/a: Go has no with statement; defer Close does it",
	"_TestListener.test_empty_authkey":              "TestListenerEmptyAuthKey",
	"_TestListener.test_abstract_socket":            "TestListenerAddresses",
	"_TestListenerClient.test_listener_client":      "TestListener",
	"_TestListenerClient.test_issue14725":           "TestListenerClientGone",
	"_TestListenerClient.test_issue16955":           "TestListener",
	"TestIgnoreEINTR.test_ignore_listener":          "TestPipeSignals",
	"TestInvalidFamily.test_invalid_family":         "TestListenerAddresses",
	"TestInvalidFamily.test_invalid_family_win32":   "n/a: about Windows",
	"OtherTest.test_deliver_challenge_auth_failure": "TestDeliverChallengeAuthFailure",
	"OtherTest.test_answer_challenge_auth_failure":  "TestAnswerChallengeAuthFailure",
	"ChallengeResponseTest.test_challengeresponse":  "TestChallengeResponse",
}

// futureConformance is the same for concurrent.futures; the names begin with "concurrent_futures.".
var futureConformance = map[string]string{
	"executor.ExecutorTest.test_submit":                   "TestExecutorSubmit",
	"executor.ExecutorTest.test_submit_keyword":           "n/a: Go has no keyword arguments",
	"executor.ExecutorTest.test_map":                      "TestExecutorMap",
	"executor.ExecutorTest.test_map_exception":            "TestExecutorMap",
	"executor.ExecutorTest.test_map_timeout":              "TestExecutorMapTimeout",
	"executor.ExecutorTest.test_shutdown_race_issue12456": "TestExecutorShutdownRace",
	"executor.ExecutorTest.test_no_stale_references":      "TestFutureKeepsNoArgument",
	"executor.ExecutorTest.test_max_workers_negative":     "TestExecutorConfig",
	"executor.ExecutorTest.test_free_reference":           "n/a: Go's garbage collector may be late by design",

	"test_as_completed.AsCompletedTests.test_no_timeout":                    "TestWaitFutures",
	"test_as_completed.AsCompletedTests.test_future_times_out":              "TestAsCompletedTimeout",
	"test_as_completed.AsCompletedTests.test_duplicate_futures":             "TestWaitFutures",
	"test_as_completed.AsCompletedTests.test_free_reference_yielded_future": "n/a: Go's garbage collector may be late by design",
	"test_as_completed.AsCompletedTests.test_correct_timeout_exception_msg": "TestAsCompletedTimeout",

	"test_future.FutureTests.test_done_callback_with_result":              "TestFutureCallbacks",
	"test_future.FutureTests.test_done_callback_with_exception":           "TestFutureCallbacks",
	"test_future.FutureTests.test_done_callback_with_cancel":              "TestFutureCallbacks",
	"test_future.FutureTests.test_done_callback_raises":                   "TestFutureCallbacks",
	"test_future.FutureTests.test_done_callback_already_successful":       "TestFutureCallbacks",
	"test_future.FutureTests.test_done_callback_already_failed":           "TestFutureCallbacks",
	"test_future.FutureTests.test_done_callback_already_cancelled":        "TestFutureCallbacks",
	"test_future.FutureTests.test_done_callback_raises_already_succeeded": "TestFutureCallbacks",
	"test_future.FutureTests.test_repr":                                   "TestFutureStates",
	"test_future.FutureTests.test_cancel":                                 "TestFutureStates",
	"test_future.FutureTests.test_cancelled":                              "TestFutureStates",
	"test_future.FutureTests.test_done":                                   "TestFutureStates",
	"test_future.FutureTests.test_running":                                "TestFutureStates",
	"test_future.FutureTests.test_result_with_timeout":                    "TestFutureStates",
	"test_future.FutureTests.test_result_with_success":                    "TestFutureStates",
	"test_future.FutureTests.test_result_with_cancel":                     "TestFutureStates",
	"test_future.FutureTests.test_exception_with_timeout":                 "TestFutureStates",
	"test_future.FutureTests.test_exception_with_success":                 "TestFutureStates",
	"test_future.FutureTests.test_multiple_set_result":                    "TestFutureStates",
	"test_future.FutureTests.test_multiple_set_exception":                 "TestFutureStates",

	"test_process_pool.ProcessPoolExecutorTest.test_max_workers_too_large":                         "n/a: a limit of Windows",
	"test_process_pool.ProcessPoolExecutorTest.test_killed_child":                                  "TestPoolTaskFailures",
	"test_process_pool.ProcessPoolExecutorTest.test_map_chunksize":                                 "TestExecutorMap",
	"test_process_pool.ProcessPoolExecutorTest.test_traceback":                                     "TestPoolTaskFailures",
	"test_process_pool.ProcessPoolExecutorTest.test_ressources_gced_in_workers":                    "n/a: nothing in a worker refers to a task that is over",
	"test_process_pool.ProcessPoolExecutorTest.test_saturation":                                    "TestExecutorSubmit",
	"test_process_pool.ProcessPoolExecutorTest.test_idle_process_reuse_one":                        "TestExecutorReusesWorkers",
	"test_process_pool.ProcessPoolExecutorTest.test_idle_process_reuse_multiple":                   "TestExecutorReusesWorkers",
	"test_process_pool.ProcessPoolExecutorTest.test_max_tasks_per_child":                           "TestPoolMaxTasksPerChild",
	"test_process_pool.ProcessPoolExecutorTest.test_max_tasks_per_child_defaults_to_spawn_context": "n/a: there is one start method: spawn",
	"test_process_pool.ProcessPoolExecutorTest.test_max_tasks_early_shutdown":                      "TestPoolMaxTasksPerChild",
	"test_process_pool.ProcessPoolExecutorTest.test_python_finalization_error":                     "n/a: the interpreter's finalisation",

	"test_shutdown.ExecutorShutdownTest.test_run_after_shutdown":                "TestExecutorSubmit",
	"test_shutdown.ExecutorShutdownTest.test_interpreter_shutdown":              "n/a: Go has no hook at exit; the kernel ends the workers",
	"test_shutdown.ExecutorShutdownTest.test_submit_after_interpreter_shutdown": "n/a: Go has no hook at exit",
	"test_shutdown.ExecutorShutdownTest.test_hang_issue12364":                   "TestExecutorShutdownRace",
	"test_shutdown.ExecutorShutdownTest.test_cancel_futures":                    "TestExecutorShutdownCancels",
	"test_shutdown.ExecutorShutdownTest.test_hang_gh83386":                      "TestExecutorShutdownRace",
	"test_shutdown.ExecutorShutdownTest.test_hang_gh94440":                      "TestExecutorShutdownRace",
	"test_shutdown.ThreadPoolShutdownTest.test_threads_terminate":               "TestExecutorShutdownRace",
	"test_shutdown.ThreadPoolShutdownTest.test_context_manager_shutdown":        "n/a: Go has no with statement; defer Shutdown does it",
	"test_shutdown.ThreadPoolShutdownTest.test_del_shutdown":                    "n/a: Go has no destructors",
	"test_shutdown.ThreadPoolShutdownTest.test_shutdown_no_wait":                "TestExecutorShutdownNoWait",
	"test_shutdown.ThreadPoolShutdownTest.test_thread_names_assigned":           "n/a: goroutines have no names",
	"test_shutdown.ThreadPoolShutdownTest.test_thread_names_default":            "n/a: goroutines have no names",
	"test_shutdown.ThreadPoolShutdownTest.test_cancel_futures_wait_false":       "TestExecutorShutdownNoWait",
	"test_shutdown.ProcessPoolShutdownTest.test_processes_terminate":            "TestExecutorShutdownRace",
	"test_shutdown.ProcessPoolShutdownTest.test_context_manager_shutdown":       "n/a: Go has no with statement; defer Shutdown does it",
	"test_shutdown.ProcessPoolShutdownTest.test_del_shutdown":                   "n/a: Go has no destructors",
	"test_shutdown.ProcessPoolShutdownTest.test_shutdown_no_wait":               "TestExecutorShutdownNoWait",

	"test_deadlock.ExecutorDeadlockTest.test_error_at_task_pickle":                             "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_exit_at_task_unpickle":                            "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_error_at_task_unpickle":                           "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_crash_at_task_unpickle":                           "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_crash_during_func_exec_on_worker":                 "TestPoolTaskFailures",
	"test_deadlock.ExecutorDeadlockTest.test_exit_during_func_exec_on_worker":                  "TestPoolTaskFailures",
	"test_deadlock.ExecutorDeadlockTest.test_error_during_func_exec_on_worker":                 "TestPoolTaskFailures",
	"test_deadlock.ExecutorDeadlockTest.test_crash_during_result_pickle_on_worker":             "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_exit_during_result_pickle_on_worker":              "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_error_during_result_pickle_on_worker":             "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_error_during_result_unpickle_in_result_handler":   "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_exit_during_result_unpickle_in_result_handler":    "n/a: os.Exit ends a Go program, whoever calls it",
	"test_deadlock.ExecutorDeadlockTest.test_shutdown_deadlock":                                "TestExecutorShutdownRace",
	"test_deadlock.ExecutorDeadlockTest.test_shutdown_deadlock_pickle":                         "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_crash_big_data":                                   "TestExecutorSurvivesTransport",
	"test_deadlock.ExecutorDeadlockTest.test_gh105829_should_not_deadlock_if_wakeup_pipe_full": "TestExecutorSubmit",

	"test_wait.WaitTests.test_20369":                                  "TestWaitFutures",
	"test_wait.WaitTests.test_first_completed":                        "TestWaitFutures",
	"test_wait.WaitTests.test_first_completed_some_already_completed": "TestWaitFutures",
	"test_wait.WaitTests.test_first_exception":                        "TestWaitFutures",
	"test_wait.WaitTests.test_first_exception_some_already_complete":  "TestWaitFutures",
	"test_wait.WaitTests.test_first_exception_one_already_failed":     "TestWaitFutures",
	"test_wait.WaitTests.test_all_completed":                          "TestWaitFutures",
	"test_wait.WaitTests.test_timeout":                                "TestWaitFutures",
	"test_wait.ThreadPoolWaitTests.test_pending_calls_race":           "TestWaitFutures",

	"test_init.InitializerMixin.test_initializer":               "TestPoolInitializer",
	"test_init.FailingInitializerMixin.test_initializer":        "TestPoolInitializerFails",
	"test_init.FailingInitializerResourcesTest.test_spawn":      "TestPoolWorkersNeverReady",
	"test_init.FailingInitializerResourcesTest.test_forkserver": "n/a: there is no fork server",
}

// TestConformance checks that every test of CPython's lists has a row, and that every row names a test that exists or gives a reason.
func TestConformance(t *testing.T) {
	rows := maps.Clone(processConformance)
	maps.Copy(rows, syncConformance)
	for name, ours := range futureConformance {
		rows["concurrent_futures."+name] = ours
	}
	have := testsHere(t)
	listed, tested, reasons := 0, 0, 0
	for _, list := range []string{"cpython-multiprocessing.txt", "cpython-concurrent-futures.txt"} {
		b, err := os.ReadFile(filepath.Join("testdata", list))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(string(b)) {
			listed++
			ours, ok := rows[name]
			switch {
			case !ok:
				t.Errorf("%s: not in the table", name)
			case strings.HasPrefix(ours, "n/a: "):
				reasons++
			case strings.Contains(ours, ".") || have[ours]: // those of internal/shm: see TestSyncConformance
				tested++
			default:
				t.Errorf("%s: there is no %s", name, ours)
			}
		}
	}
	t.Logf("%d tests of CPython: %d have one here, %d do not apply", listed, tested, reasons)
	if applicable := listed - reasons; tested*100 < applicable*95 {
		t.Errorf("only %d of %d applicable tests", tested, applicable)
	}
}

// testsHere lists the test functions of this package.
func testsHere(t *testing.T) map[string]bool {
	have := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				have[fn.Name.Name] = true
			}
		}
	}
	return have
}
