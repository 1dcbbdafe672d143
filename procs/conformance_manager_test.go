package procs

// managerConformance is about managers and listeners
// (Lib/test/_test_multiprocessing.py), whose tests are in packages manager and
// connection; its rows are explained at conformance.
var managerConformance = map[string]string{
	"_TestMyManager.test_mymanager":                    "manager.TestOwnTypes",
	"_TestMyManager.test_mymanager_context":            "manager.TestOwnTypes",
	"_TestMyManager.test_mymanager_context_prestarted": "manager.TestOwnTypes",
	"_TestRemoteManager.test_remote":                   "manager.TestRestartTCP",
	"_TestManagerRestart.test_rapid_restart":           "manager.TestRestartTCP",
	"TestManagerExceptions.test_queue_get":             "n/a: about cycles among exceptions and frames, which Go's errors do not have",
	"TestManagerExceptions.test_dispatch":              "n/a: about cycles among exceptions and frames, which Go's errors do not have",
	"TestInitializers.test_manager_initializer":        "manager.TestInitializer",

	"TestSyncManagerTypes.test_list":              "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_event":             "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_lock":              "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_rlock":             "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_semaphore":         "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_bounded_semaphore": "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_condition":         "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_barrier":           "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_pool":              "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_queue":             "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_joinable_queue":    "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_dict":              "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_value":             "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_array":             "manager.TestObjectsInChild",
	"TestSyncManagerTypes.test_namespace":         "manager.TestObjectsInChild",

	"_TestContainers.test_list":               "manager.TestList",
	"_TestContainers.test_list_iter":          "manager.TestCopies",
	"_TestContainers.test_list_proxy_in_list": "manager.TestListOfLists",
	"_TestContainers.test_dict":               "manager.TestDict",
	"_TestContainers.test_dict_iter":          "manager.TestCopies",
	"_TestContainers.test_dict_proxy_nested":  "manager.TestDictOfDicts",
	"_TestContainers.test_nested_queue":       "manager.TestQueueInContainers",
	"_TestContainers.test_namespace":          "manager.TestNamespace",

	"_TestListener.test_multiple_bind":            "connection.TestListenerMultipleBind",
	"_TestListener.test_context":                  "connection.TestListenerClose",
	"_TestListener.test_empty_authkey":            "connection.TestListenerEmptyAuthKey",
	"_TestListener.test_abstract_socket":          "connection.TestListener",
	"_TestListenerClient.test_listener_client":    "connection.TestListener",
	"_TestListenerClient.test_issue14725":         "connection.TestListenerClientGone",
	"_TestListenerClient.test_issue16955":         "connection.TestListener",
	"_TestPicklingConnections.test_pickling":      "connection.TestListenerPassOn",
	"TestInvalidFamily.test_invalid_family":       "connection.TestListenerAddresses",
	"TestInvalidFamily.test_invalid_family_win32": "n/a: about Windows",
	"TestWait.test_wait_socket":                   "connection.TestListenerWait",
	"TestWait.test_wait_socket_slow":              "connection.TestListenerWait",

	"OtherTest.test_deliver_challenge_auth_failure": "connection.TestDeliverChallengeAuthFailure",
	"OtherTest.test_answer_challenge_auth_failure":  "connection.TestAnswerChallengeAuthFailure",
	"ChallengeResponseTest.test_challengeresponse":  "connection.TestChallengeResponse",
}
