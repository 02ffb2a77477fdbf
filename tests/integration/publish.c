/*
 * penstock-publish: RTMP publishers over kernel sockets, for the integration tests.
 *
 *	penstock-publish [options] rtmp://host[:port]/app NAME FILE.flv
 *	penstock-publish --marks [options] rtmp://host[:port]/app NAME
 *
 * One process runs any number of publishers (--count) of the same file, or of synthetic content,
 * under names of their own. At the end it prints one JSON array: what each of them sent, to the
 * message and the byte, and how the server answered. Exit code 0: everybody published everything;
 *1: at least one did not; 2: usage.
 */
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/common/mark.h"
#include "publisher.h"

#define TICK_MS    10
#define EVENTS_MAX 64
#define REOPEN_MS  200u
#define CONNECT_MS 3000u
#define STATUS_MS  250u

static struct publishing all = {.epoll = -1};
static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
	(void)number;
	asked_to_end = 1;
}

static json_t *numbers_of(const struct publisher *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i <= p->synthetic.mark.incarnation && i < INCARNATIONS_MAX; i++) {
		json_array_append_new(list, json_integer((json_int_t)p->numbers[i]));
	}
	return list;
}

static json_t *report_one(const struct publisher *p)
{
	static const char *const states[] = {"connecting", "publishing", "finishing", "closed"};
	json_t *one = json_pack(
		"{s:s, s:b, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
		p->name, "complete", p->complete, "state", states[p->state], "code", p->code,
		"text", p->text, "chunk_size", (int)p->chunk_size, "lost", (int)p->lost, "refused",
		(int)p->refused, "audio_messages", (json_int_t)p->messages[0], "video_messages",
		(json_int_t)p->messages[1], "data_messages", (json_int_t)p->messages[2],
		"audio_bytes", (json_int_t)p->bytes[0], "video_bytes", (json_int_t)p->bytes[1],
		"data_bytes", (json_int_t)p->bytes[2]);

	if (all.options.marks) {
		json_object_set_new(one, "numbers", numbers_of(p));
	}
	return one;
}

static json_t *report_all(const struct publisher *publishers)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < all.options.count; i++) {
		json_array_append_new(list, report_one(&publishers[i]));
	}
	return list;
}

/* Replaces the status file in one step. */
static void write_status(const struct publisher *publishers)
{
	char temporary[4096];
	json_t *list = report_all(publishers);

	snprintf(temporary, sizeof(temporary), "%s.tmp", all.options.status);
	if (json_dump_file(list, temporary, JSON_COMPACT) != 0 ||
	    rename(temporary, all.options.status) != 0) {
		fprintf(stderr, "%s: cannot be written\n", all.options.status);
	}
	json_decref(list);
}

static void look_after(struct publisher *p, uint64_t now)
{
	/* A SYN that nobody answered would be repeated at ever longer intervals. */
	if (p->state == STATE_CONNECTING && all.options.reconnect &&
	    now - p->opened_ms >= CONNECT_MS) {
		publisher_fail(p, "timeout", "not accepted in time");
	}
	if (p->state == STATE_CLOSED && !p->complete && all.options.reconnect && !all.finish &&
	    now - p->closed_ms >= REOPEN_MS) {
		publisher_reopen(p);
	}
	if (all.options.pace && p->state == STATE_PUBLISHING) {
		publisher_step(p);
	}
}

static bool open_still(const struct publisher *p)
{
	return p->state != STATE_CLOSED || (all.options.reconnect && !all.finish);
}

/* Runs until every publisher is closed or the time is up. */
static void run(struct publisher *publishers)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t end = publisher_now_ms() + all.options.timeout_s * UINT64_C(1000);
	uint64_t status_due = 0;
	uint32_t open = all.options.count;

	while (open > 0 && publisher_now_ms() < end) {
		int n = epoll_wait(all.epoll, events, EVENTS_MAX, TICK_MS);
		uint64_t now = publisher_now_ms();

		all.finish = asked_to_end != 0;
		for (int i = 0; i < n; i++) {
			publisher_step(events[i].data.ptr);
		}
		open = 0;
		for (uint32_t i = 0; i < all.options.count; i++) {
			look_after(&publishers[i], now);
			open += open_still(&publishers[i]);
		}
		if (all.options.status != NULL && now >= status_due) {
			write_status(publishers);
			status_due = now + STATUS_MS;
		}
	}
}

static int print_report(struct publisher *publishers)
{
	int failed = 0;

	for (uint32_t i = 0; i < all.options.count; i++) {
		if (publishers[i].state != STATE_CLOSED) {
			publisher_fail(&publishers[i], "timeout", "time is up");
		}
		failed += !publishers[i].complete;
	}
	json_t *list = report_all(publishers);
	json_dumpf(list, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(list);
	if (all.options.status != NULL) {
		write_status(publishers);
	}
	return failed ? 1 : 0;
}

static int publish(struct publisher *publishers)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *to = NULL;
	int code;

	all.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (all.epoll < 0 || getaddrinfo(all.options.host, all.options.port, &hints, &to) != 0) {
		fprintf(stderr, "cannot resolve %s\n", all.options.host);
		return 2;
	}
	all.to = to;
	for (uint32_t i = 0; i < all.options.count; i++) {
		if (publisher_open(&publishers[i], &all, i) < 0) {
			publisher_fail(&publishers[i], "local", "cannot open");
		}
	}
	run(publishers);
	code = print_report(publishers);
	for (uint32_t i = 0; i < all.options.count; i++) {
		publisher_close(&publishers[i]);
	}
	freeaddrinfo(to);
	close(all.epoll);
	return code;
}

/* Only synthetic content ends in order when it is asked to: a file has an end of its own. */
static void handle_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
	struct publisher *publishers;
	int code = options_parse(&all.options, argc, argv);

	if (code != 0) {
		return code;
	}
	mark_init();
	if (all.options.marks) {
		handle_signals();
	} else if ((code = flv_file_open(&all.file, all.options.file)) < 0) {
		fprintf(stderr, "%s: %s\n", all.options.file, strerror(-code));
		return 2;
	}
	publishers = calloc(all.options.count, sizeof(*publishers));
	if (!publishers) {
		return 2;
	}
	code = publish(publishers);
	free(publishers);
	if (!all.options.marks) {
		flv_file_close(&all.file);
	}
	return code;
}
