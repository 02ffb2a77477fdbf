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
	static const char *const names[] = {"streams",  "stream", "origins", "workers",
					    "counters", "kick",   "top",     "status"};
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
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
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
	CU_ADD_TEST(suite, test_refused);
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
