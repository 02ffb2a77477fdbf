/*
 * A worker that writes its trace and answers questions about connections, and a control that reads
 * both, at once. The real writer of tcpstack/, the real reader of control/, the real pages; TCP is
 * a table.
 *
 * stress_inspect [--seconds N]
 *
 * What shows: an event whose words are those of two, one that is out of order, lost or read twice
 * without being counted; a page that changes while it is read, or whose connections are of two
 * moments.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/sub.h"
#include "control/trace.h"
#include "dataplane/inspect.h"
#include "tcpstack/tcp.h"
#include "tcpstack/trace.h"

#define RECORDS 256u /* few: the writer overtakes the reader all the time */
#define SLOTS   1000u
#define EVENTS  512u

static struct {
	struct abi_pub pub;
	alignas(64) struct abi_page page;
} memory;
static alignas(64) uint8_t
	trace_memory[sizeof(struct abi_trace) +
		     sizeof(struct abi_trace_record) * ABI_TRACE_RINGS * RECORDS];

static struct tcp_stack stack;
static struct tcp_conn conns[SLOTS];
static struct abi_sub sub;
static _Atomic bool stop;
static _Atomic bool failed;
static uint64_t written;
static uint64_t events_read;
static uint64_t events_lost;
static uint64_t pages;
static uint64_t moment; /* of the table: the worker's */

uint32_t tcp_slots(const struct tcp_stack *s)
{
	(void)s;
	return SLOTS;
}

const struct tcp_conn *tcp_at(const struct tcp_stack *s, uint32_t slot)
{
	(void)s;
	return slot % 3 == 0 ? &conns[slot] : NULL;
}

uint32_t tcp_half_open_count(const struct tcp_stack *s)
{
	(void)s;
	return 0;
}

uint32_t tcp_time_wait_count(const struct tcp_stack *s)
{
	(void)s;
	return 0;
}

uint32_t tcp_records(const struct tcp_stack *s)
{
	(void)s;
	return 0;
}

bool tcp_record_info(const struct tcp_stack *s, uint32_t record, struct tcp_info *info)
{
	(void)s;
	(void)record;
	(void)info;
	return false;
}

uint32_t tcp_connection_count(const struct tcp_stack *s)
{
	(void)s;
	return 0;
}

void *tcp_user(const struct tcp_conn *conn)
{
	(void)conn;
	return NULL;
}

void tcp_conn_info(const struct tcp_conn *conn, struct tcp_info *info)
{
	*info = (struct tcp_info){.id = (uint32_t)(conn - conns) + 1,
				  .congestion = "none",
				  .rx_bytes = moment,
				  .tx_bytes = moment ^ (uint64_t)(conn - conns)};
}

static void fail(const char *what)
{
	if (!atomic_exchange(&failed, true)) {
		fprintf(stderr, "stress_inspect: %s\n", what);
	}
	atomic_store(&stop, true);
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*state >> 33);
}

/* Event number n: its words tell each other. */
static void write_event(uint64_t *random)
{
	uint32_t n = (uint32_t)written++;
	uint32_t ring = next_random(random) % ABI_TRACE_RINGS;

	trace_put(&stack, ring, n % 5 + 1, ring, n, ~n);
}

static void *worker(void *arg)
{
	uint64_t random = 1;
	uint64_t now_us = 1000;

	(void)arg;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		stack_set_now(&stack, now_us);
		for (uint32_t i = next_random(&random) % 40; i > 0; i--) {
			write_event(&random);
		}
		moment++;
		now_us += next_random(&random) % 3;
		(void)dp_inspect_poll(arg, &sub, now_us);
	}
	return NULL;
}

static void check_event(const struct trace_event *event, const struct trace_event *before)
{
	if (event->argument[1] != ~event->argument[0] ||
	    event->connection != event->argument[0] % 5 + 1 || event->event >= ABI_TRACE_RINGS) {
		fail("an event of two halves");
	}
	if (before != NULL && (event->stamp <= before->stamp ||
			       event->argument[0] - before->argument[0] >= 1U << 31)) {
		fail("events out of order");
	}
}

/* `last`: the writer is done, and nothing may be missing. */
static void read_trace(struct trace_cursor *cursor, bool last)
{
	static struct trace_event events[EVENTS];
	struct trace_result result;

	do {
		result = trace_read((const struct abi_trace *)(const void *)trace_memory, RECORDS,
				    cursor, 0, events, EVENTS);
		for (uint32_t i = 0; i < result.count; i++) {
			check_event(&events[i], i > 0 ? &events[i - 1] : NULL);
		}
		events_read += result.count;
		events_lost += result.lost;
	} while (last && result.more);
}

static uint64_t sum_of(const struct abi_page *page)
{
	uint64_t sum = page->count;

	for (uint32_t i = 0; i < page->count; i++) {
		sum = sum * 31 + page->connections[i].rx_bytes + page->connections[i].id;
	}
	return sum;
}

static void check_page(const struct abi_page *page)
{
	uint64_t sum = sum_of(page);

	for (uint32_t i = 0; i < page->count; i++) {
		const struct abi_connection *c = &page->connections[i];

		if ((c->rx_bytes ^ c->tx_bytes) != c->id - 1 || c->id % 3 != 1 ||
		    (i > 0 && c->id != c[-1].id + 3)) {
			fail("a connection of two halves, or missing");
		}
	}
	if (sum_of(page) != sum) {
		fail("a page that changes");
	}
	pages++;
}

/* Asks for the next page when the last one is there. */
static void read_page(uint64_t *request, uint32_t *from)
{
	const struct abi_page *page = &memory.page;

	if (atomic_load_explicit(&page->answered, memory_order_acquire) != *request) {
		return;
	}
	if (*request != 0) {
		check_page(page);
		*from = page->next == ABI_PAGE_END ? 0 : page->next;
	}
	atomic_store_explicit(&sub.inspect.from, *from, memory_order_relaxed);
	atomic_store_explicit(&sub.inspect.request, ++*request, memory_order_release);
}

static void control(struct trace_cursor *cursor, unsigned int seconds)
{
	time_t end = time(NULL) + (time_t)seconds;
	uint64_t request = 0;
	uint32_t from = 0;

	while (!atomic_load(&stop) && time(NULL) < end) {
		read_trace(cursor, false);
		read_page(&request, &from);
	}
	atomic_store(&stop, true);
}

static bool run(unsigned int seconds)
{
	struct dp_inspect inspect;
	pthread_t thread;
	struct trace_cursor cursor = {.next = {0}};

	memory.pub.page_offset = (uint64_t)((uint8_t *)&memory.page - (uint8_t *)&memory.pub);
	trace_init(&stack, (struct tcp_trace *)(void *)trace_memory, RECORDS);
	dp_inspect_init(&inspect, &memory.pub, &stack);
	if (pthread_create(&thread, NULL, worker, &inspect) != 0) {
		return false;
	}
	control(&cursor, seconds);
	pthread_join(thread, NULL);
	read_trace(&cursor, true);
	if (events_read + events_lost != written) {
		fail("events that were neither read nor lost");
	}
	return !atomic_load(&failed);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
						{NULL, 0, NULL, 0}};
	unsigned int seconds = 2;

	if (getopt_long(argc, argv, "", options, NULL) == 's') {
		seconds = (unsigned int)strtoul(optarg, NULL, 10);
	}
	bool passed = run(seconds);
	printf("events %lu written, %lu read, %lu lost; pages %lu\n", written, events_read,
	       events_lost, pages);
	if (passed && (events_read == 0 || pages < 10)) {
		puts("nothing was seen");
		passed = false;
	}
	puts(passed ? "passed" : "FAILED");
	return !passed;
}
