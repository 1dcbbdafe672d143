//go:build linux

package procs

import (
	"os"
	"strings"
	"testing"
)

// managerConformance maps the tests of CPython's test suite for managers, listeners and authentication (Lib/test/_test_multiprocessing.py) to
// ours that asserts the same of the same thing here, or to the reason why there is nothing to assert.
var managerConformance = map[string]string{
	"_TestMyManager.test_mymanager":                    "TestManagerCustom",
	"_TestMyManager.test_mymanager_context":            "TestManagerStopped",
	"_TestMyManager.test_mymanager_context_prestarted": "TestManagerStopped",
	"_TestRemoteManager.test_remote":                   "TestManagerRemote",
	"_TestManagerRestart.test_rapid_restart":           "TestManagerRapidRestart",
	"TestManagerExceptions.test_queue_get":             "TestManagerQueue",
	"TestManagerExceptions.test_dispatch":              "TestManagerCustom",
	"TestInitializers.test_manager_initializer":        "TestManagerInitializer",

	"TestSyncManagerTypes.test_list":              "TestManagerList",
	"TestSyncManagerTypes.test_event":             "TestManagerSync",
	"TestSyncManagerTypes.test_lock":              "TestManagerSync",
	"TestSyncManagerTypes.test_rlock":             "TestManagerSync",
	"TestSyncManagerTypes.test_semaphore":         "TestManagerSync",
	"TestSyncManagerTypes.test_bounded_semaphore": "TestManagerSync",
	"TestSyncManagerTypes.test_condition":         "TestManagerCondition",
	"TestSyncManagerTypes.test_barrier":           "TestManagerBarrier",
	"TestSyncManagerTypes.test_pool":              "TestManagerPool",
	"TestSyncManagerTypes.test_queue":             "TestManagerQueue",
	"TestSyncManagerTypes.test_joinable_queue":    "TestManagerQueue",
	"TestSyncManagerTypes.test_dict":              "TestManagerDict",
	"TestSyncManagerTypes.test_value":             "TestManagerValueAndArray",
	"TestSyncManagerTypes.test_array":             "TestManagerValueAndArray",
	"TestSyncManagerTypes.test_namespace":         "TestManagerNamespace",

	"_TestContainers.test_list":               "TestManagerList",
	"_TestContainers.test_list_iter":          "TestManagerList",
	"_TestContainers.test_list_proxy_in_list": "TestManagerNested",
	"_TestContainers.test_dict":               "TestManagerDict",
	"_TestContainers.test_dict_iter":          "TestManagerDict",
	"_TestContainers.test_dict_proxy_nested":  "TestManagerNested",
	"_TestContainers.test_nested_queue":       "TestManagerNested",
	"_TestContainers.test_namespace":          "TestManagerNamespace",

	"_TestListener.test_multiple_bind":            "TestListenerMultipleBind",
	"_TestListener.test_context":                  "TestListenerClose",
	"_TestListener.test_empty_authkey":            "TestListenerEmptyAuthKey",
	"_TestListener.test_abstract_socket":          "TestListener",
	"_TestListenerClient.test_listener_client":    "TestListener",
	"_TestListenerClient.test_issue14725":         "TestListenerClientGone",
	"_TestListenerClient.test_issue16955":         "TestListener",
	"_TestPicklingConnections.test_pickling":      "TestListenerPassOn",
	"TestInvalidFamily.test_invalid_family":       "TestListenerAddresses",
	"TestInvalidFamily.test_invalid_family_win32": "TestListenerAddresses",
	"TestWait.test_wait_socket":                   "TestListenerWait",
	"TestWait.test_wait_socket_slow":              "TestListenerWait",

	"OtherTest.test_deliver_challenge_auth_failure": "TestDeliverChallengeAuthFailure",
	"OtherTest.test_answer_challenge_auth_failure":  "TestAnswerChallengeAuthFailure",
	"ChallengeResponseTest.test_challengeresponse":  "TestChallengeResponse",
}

// Every row names a test that exists, or gives a reason; every name is one of CPython's.
func TestManagerConformance(t *testing.T) {
	have := testsHere(t)
	names, err := os.ReadFile("testdata/cpython-multiprocessing.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, n := range strings.Fields(string(names)) {
		known[n] = true
	}
	for python, ours := range managerConformance {
		if !known[python] {
			t.Errorf("CPython has no %s", python)
		}
		if !strings.HasPrefix(ours, "n/a: ") && !have[ours] {
			t.Errorf("%s: there is no %s", python, ours)
		}
	}
	for n := range known { // whatever is about these has a row
		class, _, _ := strings.Cut(n, ".")
		for _, word := range []string{"Manager", "Container", "Listener", "Challenge", "OtherTest", "InvalidFamily"} {
			if strings.Contains(class, word) && managerConformance[n] == "" {
				t.Errorf("%s has no row", n)
			}
		}
	}
}
