/*
 * Pages of connections, over a TCP that is a table: bounded in each loop, complete over all pages,
 * and whatever control writes.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "abi/sub.h"
#include "dataplane/describe.h"
#include "dataplane/inspect.h"
#include "dataplane/pub.h"
#include "dataplane/publish.h"
#include "dataplane/session.h"
#include "suite.h"
#include "tcpstack/tcp.h"
#include "tcpstack/trace_ring.h"

#define SLOTS 100000u

struct tcp_conn {
	uint32_t id; /* 0: none */
	void *user;
};

struct tcp_stack {
	uint32_t slots;
	uint32_t records; /* every second one is in use */
	uint32_t looked;
	struct tcp_conn conns[SLOTS];
};

static struct tcp_stack stack;
static struct abi_sub *sub;
static struct dp_region region;
static struct dp_inspect inspect;
static struct abi_page *page;
static uint64_t request;

uint32_t tcp_slots(const struct tcp_stack *s)
{
	return s->slots;
}

const struct tcp_conn *tcp_at(const struct tcp_stack *s, uint32_t slot)
{
	CU_ASSERT_FATAL(slot < s->slots);
	stack.looked++;
	return s->conns[slot].id != 0 ? &s->conns[slot] : NULL;
}

uint32_t tcp_half_open_count(const struct tcp_stack *s)
{
	(void)s;
	return 3;
}

uint32_t tcp_time_wait_count(const struct tcp_stack *s)
{
	(void)s;
	return 4;
}

uint32_t tcp_records(const struct tcp_stack *s)
{
	return s->records;
}

bool tcp_record_info(const struct tcp_stack *s, uint32_t record, struct tcp_info *info)
{
	CU_ASSERT_FATAL(record < s->records);
	stack.looked++;
	*info = (struct tcp_info){
		.state = TCP_TIME_WAIT_STATE,
		.flags = TCP_INFO_TIMESTAMPS,
		.local.port = 1935,
		.remote.port = (uint16_t)record,
		.age_ms = 10,
		.retransmits = 11,
		.retransmit_in_us = 12,
		.life_in_us = 13,
	};
	return record % 2 == 1;
}

uint32_t tcp_connection_count(const struct tcp_stack *s)
{
	(void)s;
	return 0;
}

void *tcp_user(const struct tcp_conn *conn)
{
	return conn->user;
}

/* Each number is another one, so that two that were mixed up show. */
void tcp_conn_info(const struct tcp_conn *conn, struct tcp_info *info)
{
	*info = (struct tcp_info){
		.id = conn->id,
		.slot = (uint32_t)(conn - stack.conns),
		.state = TCP_ESTABLISHED_STATE,
		.flags = TCP_INFO_SACK | TCP_INFO_RECOVERY,
		.congestion = "an algorithm with a long name",
		.local.port = 1935,
		.remote.port = 50000,
		.rtt_us = 10,
		.rttvar_us = 11,
		.rto_us = 12,
		.cwnd = 13,
		.ssthresh = 14,
		.mss = 15,
		.rcv_mss = 16,
		.path_mtu = 17,
		.snd_wnd = 18,
		.snd_wnd_max = 19,
		.rcv_wnd = 20,
		.rcv_wnd_limit = 21,
		.send_queue = 22,
		.in_flight = 23,
		.pinned = 24,
		.held = 25,
		.ooo_segments = 26,
		.ooo_ranges = 27,
		.rx_out_of_order = 28,
		.rx_duplicates = 29,
		.rx_dsacks = 30,
		.retransmits = 31,
		.timeouts = 32,
		.retransmit_in_us = 33,
		.ack_in_us = 34,
		.life_in_us = 35,
		.rx_bytes = UINT64_C(1) << 40,
		.tx_bytes = UINT64_C(1) << 41,
	};
	inet_pton(AF_INET6, "::ffff:198.18.0.1", &info->remote.addr);
}

static void start(uint32_t slots)
{
	struct config_memory memory = {.streams = 4, .log_blocks = 4, .connections = slots};
	struct dp_pub_config config = {.numa_node = -1, .generation = 1, .memory = &memory};
	size_t size = (abi_sub_size(4) + 4095) / 4096 * 4096;

	memset(&stack, 0, sizeof(stack));
	stack.slots = slots;
	sub = aligned_alloc(4096, size);
	if (sub == NULL) {
		abort();
	}
	memset(sub, 0, size);
	CU_ASSERT_EQUAL_FATAL(dp_pub_create(&region, &config), 0);
	dp_inspect_init(&inspect, dp_pub(&region), &stack);
	page = (void *)(region.base + dp_pub(&region)->page_offset);
	request = 0;
}

static void end(void)
{
	dp_region_destroy(&region);
	free(sub);
}

static void ask(uint32_t from, uint32_t id)
{
	sub->inspect.from = from;
	sub->inspect.id = id;
	sub->inspect.request = ++request;
}

/* Loops of the worker until the page is there. */
static void answer(void)
{
	for (uint32_t loops = 0; page->answered != request; loops++) {
		CU_ASSERT_FATAL(loops < 1000);
		CU_ASSERT(dp_inspect_pending(&inspect, sub));
		uint32_t looked = stack.looked;
		(void)dp_inspect_poll(&inspect, sub, 77);
		CU_ASSERT(stack.looked - looked <= 256);
	}
	CU_ASSERT_FALSE(dp_inspect_pending(&inspect, sub));
	CU_ASSERT_EQUAL(dp_inspect_poll(&inspect, sub, 78), 0);
}

static void test_one(void)
{
	start(100);
	stack.conns[40].id = 7;
	ask(0, 0);
	answer();
	CU_ASSERT_EQUAL(page->next, ABI_PAGE_END);
	CU_ASSERT_EQUAL(page->time_us, 77);
	CU_ASSERT_EQUAL(page->half_open, 3);
	CU_ASSERT_EQUAL(page->time_wait, 4);
	CU_ASSERT_EQUAL_FATAL(page->count, 1);
	const struct abi_connection *c = &page->connections[0];
	const uint32_t fields[] = {
		c->rtt_us,       c->rttvar_us,   c->rto_us,          c->cwnd,
		c->ssthresh,     c->mss,         c->rcv_mss,         c->path_mtu,
		c->snd_wnd,      c->snd_wnd_max, c->rcv_wnd,         c->rcv_wnd_limit,
		c->send_queue,   c->in_flight,   c->pinned,          c->held,
		c->ooo_segments, c->ooo_ranges,  c->rx_out_of_order, c->rx_duplicates,
		c->rx_dsacks,    c->retransmits, c->timeouts,        c->retransmit_in_us,
		c->ack_in_us,    c->life_in_us,
	};
	for (uint32_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		CU_ASSERT_EQUAL(fields[i], 10 + i);
	}
	CU_ASSERT_EQUAL(c->id, 7);
	CU_ASSERT_EQUAL(c->slot, 40);
	CU_ASSERT_EQUAL(c->rx_bytes, UINT64_C(1) << 40);
	CU_ASSERT_EQUAL(c->tx_bytes, UINT64_C(1) << 41);
	CU_ASSERT_EQUAL(c->flags, ABI_CONNECTION_SACK | ABI_CONNECTION_RECOVERY);
	CU_ASSERT_EQUAL(c->remote[15], 1);
	CU_ASSERT_EQUAL(c->remote_port, 50000);
	CU_ASSERT_EQUAL(c->local_port, 1935);
	CU_ASSERT_EQUAL(c->stream_slot, ABI_NO_STREAM);
	CU_ASSERT_EQUAL(c->session_state, SESSION_FREE);
	CU_ASSERT_EQUAL(c->congestion[11], '\0');
	end();
}

static void test_its_session(void)
{
	struct publication p = {.slot = 3, .generation = 9};
	struct session s = {.state = SESSION_LIVE};

	LIST_INSERT_HEAD(&s.publications, &p, sibling);
	start(10);
	stack.conns[9] = (struct tcp_conn){.id = 1, .user = &s};
	ask(0, 0);
	answer();
	CU_ASSERT_EQUAL(page->connections[0].session_state, SESSION_LIVE);
	CU_ASSERT_EQUAL(page->connections[0].stream_slot, 3);
	CU_ASSERT_EQUAL(page->connections[0].stream_generation, 9);
	end();
}

/* Every connection once, in pages that are full but for the last. */
static void list_all(uint32_t step)
{
	uint32_t expected = 0;
	uint32_t from = 0;
	uint32_t pages = 0;

	start(SLOTS);
	for (uint32_t i = 0; i < SLOTS; i += step) {
		stack.conns[i].id = i + 1;
	}
	while (from != ABI_PAGE_END) {
		ask(from, 0);
		answer();
		CU_ASSERT_FATAL(page->count <= ABI_PAGE_CONNECTIONS);
		for (uint32_t i = 0; i < page->count; i++, expected += step) {
			CU_ASSERT_EQUAL(page->connections[i].id, expected + 1);
		}
		CU_ASSERT_FATAL(page->next > from);
		from = page->next;
		pages++;
	}
	CU_ASSERT_EQUAL(expected, (SLOTS + step - 1) / step * step);
	CU_ASSERT(pages <= SLOTS / ABI_PAGE_CONNECTIONS + 2);
	end();
}

static void test_all(void)
{
	list_all(1);
	list_all(7);
	list_all(5000);
}

/* What is half-open or in TIME_WAIT has pages of its own. */
static void test_records(void)
{
	uint32_t from = ABI_PAGE_RECORDS;
	uint32_t expected = 1;

	start(10);
	stack.conns[3].id = 7;
	stack.records = 1001;
	while (from != ABI_PAGE_END) {
		ask(from, 0);
		answer();
		for (uint32_t i = 0; i < page->count; i++, expected += 2) {
			const struct abi_connection *c = &page->connections[i];

			CU_ASSERT_EQUAL(c->id, 0);
			CU_ASSERT_EQUAL(c->slot, ABI_PAGE_RECORDS | expected);
			CU_ASSERT_EQUAL(c->tcp_state, TCP_TIME_WAIT_STATE);
			CU_ASSERT_EQUAL(c->flags, ABI_CONNECTION_TIMESTAMPS);
			CU_ASSERT_EQUAL(c->remote_port, expected);
			CU_ASSERT_EQUAL(c->age_ms, 10);
			CU_ASSERT_EQUAL(c->retransmits, 11);
			CU_ASSERT_EQUAL(c->retransmit_in_us, 12);
			CU_ASSERT_EQUAL(c->life_in_us, 13);
			CU_ASSERT_EQUAL(c->stream_slot, ABI_NO_STREAM);
		}
		CU_ASSERT_FATAL(page->next > from);
		from = page->next;
	}
	CU_ASSERT_EQUAL(expected, 1001);
	/* None of them is connection 7, and connections are not records. */
	ask(ABI_PAGE_RECORDS, 7);
	answer();
	CU_ASSERT_EQUAL(page->count, 0);
	ask(0, 0);
	answer();
	CU_ASSERT_EQUAL(page->count, 1);
	CU_ASSERT_EQUAL(page->next, ABI_PAGE_END);
	end();
}

static void test_by_id(void)
{
	uint32_t from = 0;
	uint32_t found = 0;

	start(SLOTS);
	for (uint32_t i = 0; i < SLOTS; i++) {
		stack.conns[i].id = i + 1;
	}
	while (from != ABI_PAGE_END) {
		ask(from, 77778);
		answer();
		found += page->count;
		CU_ASSERT(page->count == 0 || page->connections[0].slot == 77777);
		from = page->next;
	}
	CU_ASSERT_EQUAL(found, 1);
	end();
}

/* A control that went away leaves nothing to do, and a new one is answered. */
static void test_other_control(void)
{
	start(SLOTS);
	ask(0, 0);
	(void)dp_inspect_poll(&inspect, sub, 1);
	CU_ASSERT(dp_inspect_pending(&inspect, sub));
	CU_ASSERT_FALSE(dp_inspect_pending(&inspect, NULL));
	CU_ASSERT_EQUAL(dp_inspect_poll(&inspect, NULL, 2), 0);
	sub->inspect.request = 0;
	CU_ASSERT_FALSE(dp_inspect_pending(&inspect, sub));
	request = UINT64_C(2) << 32;
	ask(99999, 0);
	answer();
	CU_ASSERT_EQUAL(page->next, ABI_PAGE_END);
	end();
}

/* Anything, at any time: a page is never overrun, and the next honest question is answered. */
static void test_hostile(void)
{
	static const uint32_t edges[] = {0, 1, SLOTS - 1, SLOTS, SLOTS + 1, INT32_MAX, UINT32_MAX};
	uint32_t random = 1;

	start(SLOTS);
	stack.records = 2 * SLOTS;
	for (uint32_t i = 0; i < SLOTS; i += 3) {
		stack.conns[i].id = i + 1;
	}
	for (uint32_t i = 0; i < 100000; i++) {
		random = random * 1664525 + 1013904223;
		sub->inspect.from = random >> 8 & 1 ? edges[(random >> 16) % 7] : random;
		sub->inspect.id = random >> 9 & 1 ? 0 : random;
		sub->inspect.request = random >> 10 & 1 ? random : sub->inspect.request + 1;
		for (uint32_t loops = random >> 28; loops > 0; loops--) {
			(void)dp_inspect_poll(&inspect, sub, i);
			CU_ASSERT_FATAL(page->count <= ABI_PAGE_CONNECTIONS);
		}
	}
	request = UINT64_C(1) << 40;
	ask(SLOTS - 4, 0);
	answer();
	CU_ASSERT_EQUAL(page->count, 2);
	end();
}

static const struct abi_name *name_of(const struct abi_names *part, uint32_t value)
{
	const struct abi_pub *pub = dp_pub(&region);
	const struct abi_name *names = (const void *)(region.base + pub->names_offset);

	CU_ASSERT_FATAL(value < part->count && part->first + value < pub->names);
	return &names[part->first + value];
}

static void test_names(void)
{
	start(1);
	const struct abi_pub *pub = dp_pub(&region);
	const struct abi_trace_event *events =
		(const void *)(region.base + pub->trace_events_offset);
	CU_ASSERT_STRING_EQUAL(name_of(&pub->tcp_states, TCP_ESTABLISHED_STATE)->text,
			       "ESTABLISHED");
	CU_ASSERT_STRING_EQUAL(name_of(&pub->session_states, SESSION_LIVE)->text, "LIVE");
	CU_ASSERT_EQUAL(pub->trace_events, TCP_TRACE_EVENT_COUNT);
	CU_ASSERT_STRING_EQUAL(events[TCP_TRACE_rx_run].name, "rx_run");
	CU_ASSERT_EQUAL(events[TCP_TRACE_rx_run].argument[0].kind, ABI_TRACE_SEQUENCE);
	CU_ASSERT_EQUAL(events[TCP_TRACE_keepalive_probe].argument[1].kind, ABI_TRACE_NONE);
	CU_ASSERT_EQUAL(events[TCP_TRACE_dropped].ring, TCP_TRACE_DROP);
	CU_ASSERT_STRING_EQUAL(
		name_of(&events[TCP_TRACE_dropped].argument[0].names, TCP_COUNTER_drop_paws)->text,
		"drop_paws");
	/* Nothing was cut. */
	for (uint32_t i = 0; i < TCP_TRACE_EVENT_COUNT; i++) {
		const struct tcp_trace_description *from = tcp_trace_describe(i);

		CU_ASSERT_STRING_EQUAL(events[i].name, from->name);
		CU_ASSERT_STRING_EQUAL(events[i].argument[0].name, from->argument[0]);
		CU_ASSERT_STRING_EQUAL(events[i].argument[1].name, from->argument[1]);
	}
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"one connection", test_one},
		{"its session", test_its_session},
		{"all of 100,000", test_all},
		{"half-open and TIME_WAIT", test_records},
		{"by id", test_by_id},
		{"another control", test_other_control},
		{"a hostile control", test_hostile},
		{"names", test_names},
		{NULL, NULL},
	};
	return suite_run("inspect", tests);
}
