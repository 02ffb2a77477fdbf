/*
 * The journal: lines are whole JSON objects, held ones come in order with one write, and what a
 * standing reader costs is counted.
 */
#include "journal.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static int ours[2]; /* stderr is a pipe to us */
static int saved;
static char read_text[4 * PIPE_BUF];

static void open_pipe(void)
{
	saved = dup(STDERR_FILENO);
	CU_ASSERT_EQUAL_FATAL(pipe2(ours, O_CLOEXEC), 0);
	CU_ASSERT_EQUAL_FATAL(fcntl(ours[0], F_SETFL, O_NONBLOCK), 0);
	CU_ASSERT_EQUAL_FATAL(dup2(ours[1], STDERR_FILENO), STDERR_FILENO);
}

static void close_pipe(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ours[0]);
	close(ours[1]);
}

/* What was written since, as text; the bytes of it. */
static size_t take(void)
{
	ssize_t n = read(ours[0], read_text, sizeof(read_text) - 1);

	read_text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static json_t *take_line(void)
{
	size_t length = take();

	CU_ASSERT_FATAL(length > 0 && read_text[length - 1] == '\n');
	CU_ASSERT_EQUAL(strcspn(read_text, "\n"), length - 1);
	return json_loads(read_text, 0, NULL);
}

static uint32_t count_lines(const char *text)
{
	uint32_t lines = 0;

	for (; *text; text++) {
		lines += *text == '\n';
	}
	return lines;
}

static const char *string_of(const json_t *line, const char *name)
{
	const char *value = json_string_value(json_object_get(line, name));

	return value ? value : "";
}

static void test_line(void)
{
	json_t *line;

	open_pipe();
	journal(CONFIG_LOG_WARN, "a.b", "{s:s, s:i, s:I, s:I}", "quoted", "\"\\\n\x7f \xc3\xa4",
		"small", -7, "large", (long long)1 << 62, "least", (long long)INT64_MIN);
	line = take_line();
	CU_ASSERT_STRING_EQUAL(string_of(line, "level"), "warn");
	CU_ASSERT_STRING_EQUAL(string_of(line, "event"), "a.b");
	CU_ASSERT_STRING_EQUAL(string_of(line, "quoted"), "\"\\\n\x7f \xc3\xa4");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "small")), -7);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "large")), (json_int_t)1 << 62);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "least")), INT64_MIN);
	CU_ASSERT_EQUAL(json_object_size(line), 7);
	json_decref(line);
	journal(CONFIG_LOG_INFO, "bare", NULL);
	line = take_line();
	CU_ASSERT_EQUAL(json_object_size(line), 3);
	json_decref(line);
	journal(CONFIG_LOG_DEBUG, "not at this level", NULL);
	CU_ASSERT_EQUAL(take(), 0);
	close_pipe();
}

static void test_time(void)
{
	struct tm tm = {0};
	json_t *line;
	const char *rest;
	time_t now = time(NULL);

	open_pipe();
	journal(CONFIG_LOG_INFO, "x", NULL);
	line = take_line();
	rest = strptime(string_of(line, "ts"), "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL) {
		CU_FAIL_FATAL("no time");
		return;
	}
	CU_ASSERT(timegm(&tm) - now <= 600 && now - timegm(&tm) <= 600);
	CU_ASSERT(rest[0] == '.' && strspn(rest + 1, "0123456789") == 6);
	CU_ASSERT_STRING_EQUAL(rest + 7, "Z");
	json_decref(line);
	close_pipe();
}

/* Whatever the network sends, the line stays a JSON document. */
static void test_hostile_text(void)
{
	char text[4];
	json_t *line;

	open_pipe();
	for (unsigned int i = 0; i < 0x10000; i++) {
		text[0] = (char)(i >> 8);
		text[1] = (char)(i & 0xff);
		text[2] = 'x';
		text[3] = '\0';
		journal(CONFIG_LOG_INFO, "x", "{s:s, s:i}", "text", text, "after", 1);
		line = take_line();
		CU_ASSERT_EQUAL(json_object_size(line), 5);
		json_decref(line);
	}
	close_pipe();
}

static void test_too_long(void)
{
	static char text[3 * PIPE_BUF];
	json_t *line;

	open_pipe();
	for (size_t length = PIPE_BUF - 200; length < PIPE_BUF + 10; length++) {
		memset(text, length % 2 ? 'a' : '\x01', length);
		text[length] = '\0';
		journal(CONFIG_LOG_INFO, "x", "{s:s, s:s}", "long", text, "after", "kept");
		line = take_line();
		CU_ASSERT(strlen(read_text) <= PIPE_BUF);
		/* The first of them, or what else fits. */
		CU_ASSERT(json_object_size(line) >= 4);
		CU_ASSERT(strlen(string_of(line, "long")) % length == 0);
		json_decref(line);
	}
	CU_ASSERT_STRING_EQUAL(read_text + strlen(read_text) - 17, ",\"after\":\"kept\"}\n");
	CU_ASSERT_EQUAL(journal_lost(), 0);
	close_pipe();
}

static void test_held(void)
{
	open_pipe();
	journal_hold();
	for (int i = 0; i < 3; i++) {
		journal(CONFIG_LOG_INFO, "x", "{s:i}", "number", i);
	}
	CU_ASSERT_EQUAL(take(), 0);
	journal_flush();
	CU_ASSERT(take() > 0);
	CU_ASSERT_EQUAL(count_lines(read_text), 3);
	CU_ASSERT(strstr(read_text, "\"number\":0}") < strstr(read_text, "\"number\":2}"));
	journal(CONFIG_LOG_INFO, "before", NULL);
	journal(CONFIG_LOG_ERROR, "an error waits for nothing", NULL);
	CU_ASSERT(take() > 0);
	CU_ASSERT_EQUAL(count_lines(read_text), 2);
	journal(CONFIG_LOG_INFO, "last", NULL);
	journal_release();
	CU_ASSERT(take() > 0);
	journal(CONFIG_LOG_INFO, "not held", NULL);
	CU_ASSERT(take() > 0);
	journal_flush();
	CU_ASSERT_EQUAL(take(), 0);
	close_pipe();
}

/* More than may wait: it is written before, and none is lost. */
static void test_many_held(void)
{
	uint32_t lines = 0;

	open_pipe();
	journal_hold();
	for (int i = 0; i < 500; i++) {
		journal(CONFIG_LOG_INFO, "x", "{s:i}", "number", i);
		CU_ASSERT(take() <= PIPE_BUF);
		lines += count_lines(read_text);
	}
	journal_release();
	(void)take();
	CU_ASSERT_EQUAL(lines + count_lines(read_text), 500);
	CU_ASSERT_EQUAL(journal_lost(), 0);
	close_pipe();
}

/* A reader that stands still: we do not wait for it, and every line is either there or counted. */
static void test_lost(void)
{
	uint32_t lines = 0;

	open_pipe();
	CU_ASSERT_FATAL(fcntl(ours[0], F_SETPIPE_SZ, 4 * PIPE_BUF) == 4 * PIPE_BUF);
	journal_hold();
	for (int i = 0; i < 1000; i++) {
		journal(CONFIG_LOG_INFO, "x", "{s:i}", "number", i);
	}
	journal_release();
	journal(CONFIG_LOG_INFO, "y", NULL);
	CU_ASSERT(journal_lost() > 0);
	while (take() > 0) {
		lines += count_lines(read_text);
	}
	CU_ASSERT(lines > 0);
	CU_ASSERT_EQUAL(lines + journal_lost(), 1001);
	close_pipe();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a line", test_line},
		{"the time", test_time},
		{"hostile text", test_hostile_text},
		{"a field that does not fit", test_too_long},
		{"held lines", test_held},
		{"more held lines than fit", test_many_held},
		{"a reader that stands still", test_lost}, /* last: the count stays */
		CU_TEST_INFO_NULL,
	};

	return check_run("journal", tests);
}
