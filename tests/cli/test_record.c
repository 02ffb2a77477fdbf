/*
 * penstockctl record from outside, against a server that stands in for control and sends its bytes
 * in pieces: what is in the file is whole tags, wherever the stream, a limit, or control ends.
 */
#include <CUnit/Basic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADER 13u
#define AROUND 15u
#define BODY   3000u
#define TAG    (BODY + AROUND)

static char directory[] = "/tmp/penstock-test-record.XXXXXX";
static char socket_path[64];
static char path[64];
static int listener;
static uint8_t stream[1u << 17]; /* what the server sends */
static size_t stream_len;
static char said[4096];

static void put(const void *data, size_t length)
{
	memcpy(stream + stream_len, data, length);
	stream_len += length;
}

static void put_tag(uint8_t type, uint32_t time, const void *body, uint32_t length)
{
	uint8_t head[11] = {type,
			    (uint8_t)(length >> 16),
			    (uint8_t)(length >> 8),
			    (uint8_t)length,
			    (uint8_t)(time >> 16),
			    (uint8_t)(time >> 8),
			    (uint8_t)time,
			    (uint8_t)(time >> 24)};
	uint8_t trailer[4] = {0, (uint8_t)((length + 11) >> 16), (uint8_t)((length + 11) >> 8),
			      (uint8_t)(length + 11)};

	put(head, sizeof(head));
	put(body, length);
	put(trailer, sizeof(trailer));
}

/* `count` frames, one each 100 ms; `size` bytes of the last one. */
static void make_stream(uint32_t count, uint8_t type)
{
	static const char line[] = "{\"ok\":true}\n";
	static const uint8_t header[HEADER] = {'F', 'L', 'V', 1, 5, 0, 0, 0, 9};
	uint8_t body[BODY];

	stream_len = 0;
	put(line, sizeof(line) - 1);
	put(header, HEADER);
	for (uint32_t i = 0; i < count; i++) {
		memset(body, (int)i, sizeof(body));
		put_tag(type, i * 100, body, BODY);
	}
}

static void put_end(void)
{
	static const char end[] = "{\"ended\":\"the stream ended\",\"skips\":2,"
				  "\"skipped_messages\":7,\"left_out\":0}";

	put_tag(0, 0, end, sizeof(end) - 1);
}

static void *serve(void *arg)
{
	int fd = accept(listener, NULL, NULL);
	char request[256];

	(void)arg;
	if (fd < 0) {
		return NULL;
	}
	(void)!read(fd, request, sizeof(request));
	for (size_t at = 0; at < stream_len;) {
		size_t piece = stream_len - at < 1021 ? stream_len - at : 1021;
		ssize_t n = send(fd, stream + at, piece, MSG_NOSIGNAL);

		if (n <= 0) {
			break; /* it has had enough */
		}
		at += (size_t)n;
	}
	close(fd);
	return NULL;
}

/* The exit status; what was said is in `said`. */
static int record(const char *options)
{
	char command[512];
	pthread_t thread;
	FILE *out;
	size_t n;
	int status;

	snprintf(command, sizeof(command), "%s -s %s record live/cam %s 2>&1", CTL, socket_path,
		 options);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve, NULL), 0);
	out = popen(command, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	n = fread(said, 1, sizeof(said) - 1, out);
	said[n] = '\0';
	status = pclose(out);
	shutdown(listener, SHUT_RD); /* it may not have asked */
	pthread_join(thread, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void listen_anew(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (listener > 0) {
		close(listener);
	}
	unlink(socket_path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 4), 0);
}

static int record_new(const char *options)
{
	char with_path[256];

	unlink(path);
	listen_anew();
	snprintf(with_path, sizeof(with_path), "%s %s", path, options);
	return record(with_path);
}

/* The file is the header and `count` tags of the stream, its flags as said. */
static bool file_has(uint32_t count, uint8_t flags)
{
	static uint8_t data[sizeof(stream)];
	const uint8_t *sent = memchr(stream, '\n', stream_len);
	FILE *in = fopen(path, "rbe");
	size_t n = in ? fread(data, 1, sizeof(data), in) : 0;

	if (in) {
		fclose(in);
	}
	if (n != HEADER + count * TAG || data[4] != flags) {
		return false;
	}
	data[4] = 5;
	return memcmp(data, sent + 1, n) == 0;
}

static void test_to_the_end(void)
{
	make_stream(20, 9);
	put_end();
	CU_ASSERT_EQUAL(record_new(""), 0);
	CU_ASSERT(file_has(20, 1));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "20 messages; ended: the stream ended"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "fell behind 2 times: 7 messages are missing"));
	make_stream(2, 8);
	put_end();
	CU_ASSERT_EQUAL(record_new("--json"), 0);
	CU_ASSERT(file_has(2, 4));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "\"skipped_messages\": 7"));
}

static void test_limits(void)
{
	char bytes[64];

	make_stream(20, 9);
	put_end();
	CU_ASSERT_EQUAL(record_new("--seconds 1"), 0);
	CU_ASSERT(file_has(10, 1));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "the limit is reached"));
	snprintf(bytes, sizeof(bytes), "--bytes %u", HEADER + 3 * TAG);
	CU_ASSERT_EQUAL(record_new(bytes), 0);
	CU_ASSERT(file_has(3, 1));
	snprintf(bytes, sizeof(bytes), "--bytes %u", HEADER + 3 * TAG - 1);
	CU_ASSERT_EQUAL(record_new(bytes), 0);
	CU_ASSERT(file_has(2, 1));
}

/* Control dies within a tag. */
static void test_control_goes_away(void)
{
	make_stream(5, 9);
	stream_len -= 100;
	CU_ASSERT_EQUAL(record_new(""), 3);
	CU_ASSERT(file_has(4, 1));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "control went away"));
}

static void test_refused(void)
{
	static const char no[] = "{\"ok\":false,\"error\":\"no such stream\"}\n";
	struct stat st;

	stream_len = 0;
	put(no, sizeof(no) - 1);
	CU_ASSERT_EQUAL(record_new(""), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "no such stream"));
	CU_ASSERT_NOT_EQUAL(stat(path, &st), 0);
}

static void test_file_is_kept(void)
{
	char command[128];

	make_stream(5, 9);
	put_end();
	CU_ASSERT_EQUAL(record_new(""), 0);
	make_stream(3, 9);
	put_end();
	listen_anew();
	CU_ASSERT_EQUAL(record(path), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "File exists"));
	make_stream(5, 9);
	CU_ASSERT(file_has(5, 1));
	make_stream(3, 9);
	put_end();
	listen_anew();
	snprintf(command, sizeof(command), "--force %s", path);
	CU_ASSERT_EQUAL(record(command), 0);
	CU_ASSERT(file_has(3, 1));
	listen_anew();
	CU_ASSERT_EQUAL(record("/dev/full --force"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "No space left"));
}

/* The file may be no longer: what was written of the last tag is not left behind. */
static void test_no_room(void)
{
	struct rlimit before;
	struct rlimit small;

	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = HEADER + 3 * TAG + 100;
	make_stream(20, 9);
	put_end();
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	CU_ASSERT_EQUAL(record_new(""), 1);
	CU_ASSERT(file_has(3, 1));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "File too large; it ends with message 3, at 200 ms"));
	CU_ASSERT_EQUAL(record_new("--json"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "\"error\": \"File too large\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "\"messages\": 3"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "\"ended\": \"the file could not be written\""));
	small.rlim_cur = HEADER - 1;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	CU_ASSERT_EQUAL(record_new(""), 1);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
	struct stat st;
	CU_ASSERT(stat(path, &st) == 0 && st.st_size == 0);
}

static void test_usage(void)
{
	listen_anew();
	CU_ASSERT_EQUAL(record(""), 2);
	listen_anew();
	CU_ASSERT_EQUAL(record("a b"), 2);
	listen_anew();
	CU_ASSERT_EQUAL(record("a --seconds 0"), 2);
	listen_anew();
	CU_ASSERT_EQUAL(record("a --bytes x"), 2);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"to the end", test_to_the_end},
		{"limits", test_limits},
		{"control goes away", test_control_goes_away},
		{"refused", test_refused},
		{"a file is kept", test_file_is_kept},
		{"no room for all", test_no_room},
		{"usage", test_usage},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{.pName = "penstockctl record", .pTests = tests},
		CU_SUITE_INFO_NULL,
	};

	if (mkdtemp(directory) == NULL || CU_initialize_registry() != CUE_SUCCESS ||
	    CU_register_suites(suites) != CUE_SUCCESS) {
		return 2;
	}
	snprintf(socket_path, sizeof(socket_path), "%s/s", directory);
	snprintf(path, sizeof(path), "%s/out.flv", directory);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unlink(path);
	unlink(socket_path);
	rmdir(directory);
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}
