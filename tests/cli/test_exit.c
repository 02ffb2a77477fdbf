/*
 * penstockctl from outside, against a server that stands in for control: requests, exit codes.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/penstock-test-cli.XXXXXX";
static char socket_path[64];
static int listener;

/* What the server answers, one connection each; NULL closes without a reply. */
struct script {
	const char *const *replies;
	size_t count;
	char requests[8][256];
};

static void *serve(void *arg)
{
	struct script *script = arg;

	for (size_t i = 0; i < script->count; i++) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0) {
			break; /* penstockctl ended without asking */
		}
		char *request = script->requests[i];
		size_t len = 0;
		while (len < sizeof(script->requests[i]) - 1 && read(fd, request + len, 1) == 1 &&
		       request[len] != '\n') {
			len++;
		}
		request[len] = '\0';
		/* In two parts: a reply need not come in one. */
		const char *reply = script->replies[i];
		if (reply != NULL) {
			size_t half = strlen(reply) / 2;
			(void)!write(fd, reply, half);
			usleep(1000);
			(void)!write(fd, reply + half, strlen(reply) - half);
		}
		close(fd);
	}
	return NULL;
}

struct result {
	int status;
	char out[4096];
	char err[1024];
};

static void read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, size - 1 - len)) > 0) {
		len += (size_t)n;
	}
	text[len] = '\0';
	close(fd);
}

static void run(struct result *result, const char *const words[])
{
	const char *arguments[16] = {CTL};
	int out[2];
	int err[2];
	int status;

	for (size_t i = 0; words[i] != NULL && i + 2 < 16; i++) {
		arguments[i + 1] = words[i];
	}
	CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(err, O_CLOEXEC), 0);
	pid_t pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		setenv("PENSTOCK_RUN_DIR", directory, 1);
		setenv("LC_ALL", "C", 1);
		execv(CTL, (char *const *)arguments);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	read_all(out[0], result->out, sizeof(result->out));
	read_all(err[0], result->err, sizeof(result->err));
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs with as many replies as there are; returns the requests in `script`. */
static void run_scripted(struct result *result, struct script *script, const char *const words[],
			 const char *const replies[], size_t count)
{
	pthread_t thread;

	memset(script, 0, sizeof(*script));
	script->replies = replies;
	script->count = count;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve, script), 0);
	run(result, words);
	CU_ASSERT_EQUAL_FATAL(pthread_join(thread, NULL), 0);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define REPLIES(...)                          \
	((const char *const[]){__VA_ARGS__}), \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)

static void test_ok(void)
{
	struct result r;
	struct script s;

	run_scripted(&r, &s, WORDS("streams"),
		     REPLIES("{\"ok\":true,\"streams\":[{\"app\":\"live\",\"name\":\"c\"}]}\n"));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(s.requests[0], "{\"command\":\"streams\"}");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "live/c"));
	CU_ASSERT_STRING_EQUAL(r.err, "");
	run_scripted(&r, &s, WORDS("--json", "status"),
		     REPLIES("{\"ok\":true,\"status\":{\"version\":\"1\"}}\n"));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(r.out, "{\n  \"version\": \"1\"\n}\n");
	run_scripted(
		&r, &s, WORDS("-s", socket_path, "counters", "--all", "x*"),
		REPLIES("{\"ok\":true,\"counters\":{\"workers\":[],\"control\":{\"xy\":0}}}\n"));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(r.out, "COUNTER  TOTAL\nxy           0\n");
	run_scripted(&r, &s, WORDS("top", "--count", "1"),
		     REPLIES("{\"ok\":true,\"status\":{}}\n", "{\"ok\":true,\"workers\":[]}\n",
			     "{\"ok\":true,\"streams\":[]}\n"));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "0 streams"));
	CU_ASSERT_PTR_NULL(strchr(r.out, '\x1b')); /* no terminal, no control sequences */
}

static void test_names(void)
{
	static const char streams[] = "{\"ok\":true,\"streams\":["
				      "{\"app\":\"live\",\"name\":\"c\"},"
				      "{\"app\":\"live\",\"name\":\"c\"},"
				      "{\"app\":\"a\",\"name\":\"d\"},"
				      "{\"app\":\"b\",\"name\":\"d\"}]}\n";
	struct result r;
	struct script s;

	run_scripted(&r, &s, WORDS("kick", "live/c"), REPLIES("{\"ok\":true}\n"));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(s.requests[0], "{\"command\":\"kick\",\"name\":\"live/c\"}");
	/* A bare name is looked up; the same one twice in an application is one. */
	run_scripted(&r, &s, WORDS("kick", "c"), REPLIES(streams, "{\"ok\":true}\n"));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(s.requests[1], "{\"command\":\"kick\",\"name\":\"live/c\"}");
	run_scripted(&r, &s, WORDS("kick", "d"), REPLIES(streams));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_STRING_EQUAL(r.err, "penstockctl: several applications have the name d\n");
	run_scripted(&r, &s, WORDS("stream", "e\x1b"), REPLIES(streams));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_STRING_EQUAL(r.err, "penstockctl: no stream has the name e\\x1b\n");
}

#define CONNECTION(worker, id, name, rtt)                         \
	"{\"worker\":" #worker ",\"id\":" #id                     \
	",\"remote\":\"198.18.0.1:5\",\"state\":\"ESTABLISHED\"," \
	"\"session\":\"LIVE\",\"app\":\"live\",\"name\":\"" name "\",\"rtt_us\":" #rtt "}"
#define PAGE(worker, next, connections)                                                      \
	"{\"ok\":true,\"connections\":{\"worker\":" #worker ",\"workers\":2,\"next\":" #next \
	",\"half_open\":1,\"time_wait\":2,\"connections\":[" connections "]}}\n"

/* Two workers, one of them with two pages. */
static void test_connections(void)
{
	struct result r;
	struct script s;

	run_scripted(&r, &s, WORDS("connections", "--sort", "rtt"),
		     REPLIES(PAGE(0, 300, CONNECTION(0, 7, "cam\\u001b[2J", 1500)),
			     PAGE(0, null, CONNECTION(0, 8, "two", 2500)),
			     PAGE(1, null, CONNECTION(1, 7, "", 2000))));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(
		s.requests[0],
		"{\"command\":\"connections\",\"worker\":0,\"from\":0,\"records\":false}");
	CU_ASSERT_STRING_EQUAL(
		s.requests[1],
		"{\"command\":\"connections\",\"worker\":0,\"from\":300,\"records\":false}");
	CU_ASSERT_STRING_EQUAL(
		s.requests[2],
		"{\"command\":\"connections\",\"worker\":1,\"from\":0,\"records\":false}");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "live/cam\\x1b[2J"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "1.500 ms"));
	CU_ASSERT(strstr(r.out, "0:8 ") < strstr(r.out, "1:7 "));
	CU_ASSERT(strstr(r.out, "1:7 ") < strstr(r.out, "0:7 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "3 connections; half-open: 2, in TIME_WAIT: 4\n"));
	run_scripted(
		&r, &s, WORDS("connections", "--worker", "1", "--publisher", "live/two", "--json"),
		REPLIES(PAGE(1, null, CONNECTION(1, 1, "one", 1) "," CONNECTION(1, 2, "two", 2))));
	CU_ASSERT_STRING_EQUAL(
		s.requests[0],
		"{\"command\":\"connections\",\"worker\":1,\"from\":0,\"records\":false}");
	CU_ASSERT_PTR_NULL(strstr(r.out, "one"));
	CU_ASSERT_STRING_EQUAL(r.out, CONNECTION(1, 2, "two", 2) "\n");
}

static void test_connection(void)
{
	struct result r;
	struct script s;

	run_scripted(&r, &s, WORDS("connection", "1:8"),
		     REPLIES(PAGE(1, 300, ""), PAGE(1, 600, CONNECTION(1, 8, "two", 2500))));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(s.requests[1],
			       "{\"command\":\"connections\",\"worker\":1,\"from\":300,"
			       "\"id\":8,\"full\":true}");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "round-trip time              2.500 ms\n"));
	run_scripted(&r, &s, WORDS("connection", "0:9"), REPLIES(PAGE(0, null, "")));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_STRING_EQUAL(r.err, "penstockctl: no such connection\n");
}

#define TRACE(worker, lost, more, next, events)                                                    \
	"{\"ok\":true,\"trace\":{\"worker\":" #worker                                              \
	",\"workers\":2,\"wall_offset_us\":0,\"lost\":" #lost ",\"more\":" #more ",\"next\":" next \
	",\"events\":[" events "]}}\n"
#define EVENT(time, connection, name)                                             \
	"{\"time_us\":" #time ",\"connection\":" #connection ",\"event\":\"" name \
	"\",\"seq\":5,\"why\":\"a b\"}"

/* In order over both workers; what was lost is said; reading goes on where it ended. */
static void test_trace(void)
{
	struct result r;
	struct script s;

	run_scripted(&r, &s, WORDS("trace"),
		     REPLIES(TRACE(0, 0, true, "[1,2,3]", EVENT(2000000, 7, "second")),
			     TRACE(1, 0, false, "[4,5,6]", EVENT(1000000, 8, "fi\\u001brst")),
			     TRACE(0, 9, false, "[7,8,9]", EVENT(3000000, 7, "third")),
			     TRACE(1, 0, false, "[4,5,6]", "")));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(s.requests[1],
			       "{\"command\":\"trace\",\"worker\":1,\"connection\":0}");
	CU_ASSERT_STRING_EQUAL(
		s.requests[2],
		"{\"command\":\"trace\",\"worker\":0,\"connection\":0,\"next\":[1,2,3]}");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "1:8 fi\\x1brst"));
	CU_ASSERT(strstr(r.out, "fi\\x1brst") < strstr(r.out, "second"));
	CU_ASSERT(strstr(r.out, "second") < strstr(r.out, "worker 0: 9 events were lost\n"));
	CU_ASSERT(strstr(r.out, "9 events") < strstr(r.out, "third"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, " seq=5 why=\"a b\"\n"));
	run_scripted(&r, &s,
		     WORDS("trace", "--connection", "1:8", "--follow", "--count", "2", "--json"),
		     REPLIES(TRACE(1, 0, false, "[4,5,6]", EVENT(1, 8, "x")),
			     TRACE(1, 0, false, "[4,5,7]", EVENT(2, 8, "y") "," EVENT(3, 8, "z"))));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(
		s.requests[1],
		"{\"command\":\"trace\",\"worker\":1,\"connection\":8,\"next\":[4,5,6]}");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "\"y\""));
	CU_ASSERT_PTR_NULL(strstr(r.out, "\"z\""));
}

static void test_refused(void)
{
	struct result r;
	struct script s;

	run_scripted(&r, &s, WORDS("kick", "a/b"),
		     REPLIES("{\"ok\":false,\"error\":\"no such stream \\u001b[2J\"}\n"));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_STRING_EQUAL(r.out, "");
	CU_ASSERT_STRING_EQUAL(r.err, "penstockctl: no such stream \\x1b[2J\n");
}

static void write_config(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fputs(text, file) < 0, 0);
	CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
}

/* Word for word what the daemons say, and nobody is asked. */
static void test_config_check(void)
{
	char path[96];
	char text[160];
	struct result r;

	snprintf(path, sizeof(path), "%s/penstock.yaml", directory);
	write_config(path, "apps:\n  - name: live\n    open: true\n");
	run(&r, WORDS("config", "check", path));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(r.out, "good\n");
	CU_ASSERT_STRING_EQUAL(r.err, "");
	run(&r, WORDS("--json", "config", "check", path));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "\"good\": true"));
	CU_ASSERT_PTR_NULL(strstr(r.out, "error"));
	write_config(path, "apps:\n  - name: live\n    orgins: []\n");
	run(&r, WORDS("config", "check", path));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_STRING_EQUAL(r.out, "");
	snprintf(text, sizeof(text), "%s:3: unknown key \"orgins\" in apps[0]\n", path);
	CU_ASSERT_STRING_EQUAL(r.err, text);
	run(&r, WORDS("--json", "config", "check", path));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "\"good\": false"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "yaml:3: unknown key"));
	unlink(path);
	run(&r, WORDS("config", "check", path));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.err, "penstock.yaml"));
}

static void test_usage(void)
{
	static const char *const cases[][5] = {
		{NULL},
		{"nonsense", NULL},
		{"kick", NULL},
		{"stream", NULL},
		{"streams", "x", NULL},
		{"kick", "a", "b", NULL},
		{"streams", "--all", NULL},
		{"counters", "--count", "1", NULL},
		{"top", "--count", "0", NULL},
		{"top", "--count", "x", NULL},
		{"--unknown", NULL},
		{"connection", NULL},
		{"connection", "0:", NULL},
		{"connection", "0:0", NULL},
		{"connection", "0:4294967296", NULL},
		{"connection", "99999:1", NULL},
		{"connection", "0:1x", NULL},
		{"connections", "--sort", "height", NULL},
		{"connections", "--worker", "-1", NULL},
		{"connections", "--follow", NULL},
		{"trace", "--connection", "17", NULL},
		{"trace", "--sort", "rtt", NULL},
		{"config", NULL},
		{"config", "check", NULL},
		{"config", "print", "file", NULL},
		{"config", "check", "file", "file", NULL},
		{"config", "check", "file", "--force", NULL},
	};
	struct result r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run(&r, cases[i]);
		CU_ASSERT_EQUAL(r.status, 2);
		CU_ASSERT_STRING_EQUAL(r.out, "");
		CU_ASSERT_STRING_NOT_EQUAL(r.err, "");
	}
}

static void test_help(void)
{
	static const char *const names[] = {"streams",     "stream",     "origins", "workers",
					    "counters",    "kick",       "top",     "status",
					    "connections", "connection", "trace"};
	struct result r;

	run(&r, WORDS("--help"));
	CU_ASSERT_EQUAL(r.status, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct result one;
		CU_ASSERT_PTR_NOT_NULL(strstr(r.out, names[i]));
		run(&one, WORDS(names[i], "--help"));
		CU_ASSERT_EQUAL(one.status, 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(one.out, names[i]));
	}
	run(&r, WORDS("--version"));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_EQUAL(strncmp(r.out, "penstockctl ", 12), 0);
}

static void test_no_connection(void)
{
	char long_path[256];
	struct result r;
	struct script s;

	run(&r, WORDS("-s", "/nonexistent/control.sock", "status"));
	CU_ASSERT_EQUAL(r.status, 3);
	CU_ASSERT_STRING_EQUAL(
		r.err, "penstockctl: /nonexistent/control.sock: No such file or directory\n");
	run(&r, WORDS("-r", "/nonexistent", "top"));
	CU_ASSERT_EQUAL(r.status, 3);
	run_scripted(&r, &s, WORDS("status"), REPLIES(NULL));
	CU_ASSERT_EQUAL(r.status, 3);
	run_scripted(&r, &s, WORDS("status"), REPLIES("not JSON\n"));
	CU_ASSERT_EQUAL(r.status, 3);
	run_scripted(&r, &s, WORDS("status"), REPLIES("{\"ok\":true,\"status\":{}}")); /* no end */
	CU_ASSERT_EQUAL(r.status, 3);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	run(&r, WORDS("-s", long_path, "status"));
	CU_ASSERT_EQUAL(r.status, 2);
	long_path[110] = '\0';
	run(&r, WORDS("-s", long_path, "status"));
	CU_ASSERT_EQUAL(r.status, 3);
}

/* Starts `top` on a terminal of its own; the master side. */
static int start_top(pid_t *pid)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 60};
	int terminal;

	*pid = forkpty(&terminal, NULL, NULL, &size);
	CU_ASSERT_FATAL(*pid >= 0);
	if (*pid == 0) {
		setenv("PENSTOCK_RUN_DIR", directory, 1);
		execl(CTL, CTL, "top", (char *)NULL);
		_exit(127);
	}
	return terminal;
}

/* Reads until `wanted` came or the terminal is closed. */
static bool read_until(int terminal, char *text, size_t size, const char *wanted)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(terminal, text + len, size - 1 - len);
		if (n <= 0) {
			text[len] = '\0';
			return strstr(text, wanted) != NULL;
		}
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, wanted) != NULL) {
			return true;
		}
	}
}

/* On a terminal: a screen of its own, lines cut at the edge, and all put back by q or Ctrl-C. */
static void test_top_on_terminal(void)
{
	static const char *const ends[] = {"q", "\x03"};
	static const char *const replies[] = {
		"{\"ok\":true,\"status\":{}}\n", "{\"ok\":true,\"workers\":[]}\n",
		"{\"ok\":true,\"streams\":[{\"app\":\"a\",\"name\":\"evil\\u001b[2J\"}]}\n"};

	for (size_t i = 0; i < 2; i++) {
		struct script script = {.replies = replies, .count = 3};
		char text[8192];
		pthread_t thread;
		pid_t pid;
		int status = -1;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve, &script), 0);
		int terminal = start_top(&pid);
		CU_ASSERT_TRUE(read_until(terminal, text, sizeof(text), "\x1b[J"));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "\x1b[?1049h"));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "a/evil\\x1b[2J"));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "BYTES"));
		CU_ASSERT_PTR_NULL(strstr(text, "VIDEO")); /* the edge, column 60, is in it */
		CU_ASSERT_EQUAL(write(terminal, ends[i], 1), 1);
		CU_ASSERT_TRUE(read_until(terminal, text, sizeof(text), "\x1b[?1049l"));
		CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
		CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CU_ASSERT_EQUAL_FATAL(pthread_join(thread, NULL), 0);
		close(terminal);
	}
}

static int open_listener(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(socket_path, sizeof(socket_path), "%s/control.sock", directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	const struct timeval patience = {.tv_sec = 20};
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 8) != 0) {
		return -1;
	}
	return 0;
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS || mkdtemp(directory) == NULL ||
	    open_listener() != 0) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("penstockctl", NULL, NULL);
	CU_ADD_TEST(suite, test_ok);
	CU_ADD_TEST(suite, test_names);
	CU_ADD_TEST(suite, test_connections);
	CU_ADD_TEST(suite, test_connection);
	CU_ADD_TEST(suite, test_trace);
	CU_ADD_TEST(suite, test_refused);
	CU_ADD_TEST(suite, test_config_check);
	CU_ADD_TEST(suite, test_usage);
	CU_ADD_TEST(suite, test_help);
	CU_ADD_TEST(suite, test_no_connection);
	CU_ADD_TEST(suite, test_top_on_terminal);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	close(listener);
	unlink(socket_path);
	rmdir(directory);
	return failures > 0 ? 1 : 0;
}
