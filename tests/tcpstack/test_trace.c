/* What the rings say about connections: as a reader in another process would read them. */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "suites.h"

#define RECORDS 64U

static struct peer peer;
static struct tcp_trace *trace;

static void establish(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.ts = 1000;
	trace = aligned_alloc(64, (tcp_trace_size(RECORDS) + 63) / 64 * 64);
	if (trace == NULL) {
		abort();
	}
	memset(trace, 0, tcp_trace_size(RECORDS));
	peer.config.trace = trace;
	peer.config.trace_records = RECORDS;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
}

static void end(void)
{
	peer_destroy(&peer);
	free(trace);
}

static uint64_t written(uint32_t ring)
{
	return atomic_load_explicit(&trace->ring[ring].head, memory_order_acquire);
}

static const struct tcp_trace_record *record_at(uint32_t ring, uint64_t number)
{
	return &trace->records[(uint64_t)ring * RECORDS + number % RECORDS];
}

/* The last record of an event, NULL when there is none left. */
static const struct tcp_trace_record *last(enum tcp_trace_event event)
{
	uint32_t ring = tcp_trace_describe(event)->ring;
	uint64_t head = written(ring);

	for (uint64_t back = 1; back <= head && back <= RECORDS; back++) {
		const struct tcp_trace_record *record = record_at(ring, head - back);

		if (record->event == event) {
			return record;
		}
	}
	return NULL;
}

static bool traced(enum tcp_trace_event event, uint32_t a, uint32_t b)
{
	const struct tcp_trace_record *record = last(event);

	return record != NULL && record->a == a && record->b == b;
}

static void test_descriptions(void)
{
	for (uint32_t i = 0; i < TCP_TRACE_EVENT_COUNT; i++) {
		const struct tcp_trace_description *event = tcp_trace_describe(i);

		if (event == NULL) {
			abort();
		}
		CU_ASSERT(strlen(event->name) > 0);
		CU_ASSERT(event->ring < TCP_TRACE_RINGS);
		CU_ASSERT(event->kind[0] < TCP_TRACE_KIND_COUNT);
		CU_ASSERT(event->kind[1] < TCP_TRACE_KIND_COUNT);
	}
	CU_ASSERT_PTR_NULL(tcp_trace_describe(TCP_TRACE_EVENT_COUNT));
}

static void test_value_names(void)
{
	CU_ASSERT_STRING_EQUAL(tcp_trace_value_name(TCP_TRACE_KIND_STATE, TCP_ESTABLISHED_STATE),
			       "ESTABLISHED");
	CU_ASSERT_STRING_EQUAL(tcp_trace_value_name(TCP_TRACE_KIND_COUNTER, TCP_COUNTER_drop_paws),
			       "drop_paws");
	CU_ASSERT_STRING_EQUAL(tcp_trace_value_name(TCP_TRACE_KIND_CLOSE, TCP_CLOSE_RESET),
			       "reset by the peer");
	CU_ASSERT_STRING_EQUAL(tcp_trace_value_name(TCP_TRACE_KIND_WHY, TCP_RETRANSMIT_TIMEOUT),
			       "timeout");
	CU_ASSERT_PTR_NULL(tcp_trace_value_name(TCP_TRACE_KIND_NUMBER, 1));
	for (uint32_t kind = 0; kind < TCP_TRACE_KIND_COUNT; kind++) {
		CU_ASSERT_PTR_NULL(tcp_trace_value_name((enum tcp_trace_kind)kind, UINT32_MAX));
	}
}

/* From SYN to RST, in order, and every record of the connection bears its id. */
static void test_life(void)
{
	struct tcp_info info;

	establish();
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT(info.id != 0);
	CU_ASSERT_PTR_NOT_NULL(last(TCP_TRACE_syn_received));
	CU_ASSERT_PTR_NOT_NULL(last(TCP_TRACE_syn_ack_sent));
	CU_ASSERT_FATAL(last(TCP_TRACE_opened) != NULL);
	CU_ASSERT_EQUAL(last(TCP_TRACE_opened)->b, PEER_PORT);
	CU_ASSERT_EQUAL(last(TCP_TRACE_opened)->connection, info.id);
	CU_ASSERT(last(TCP_TRACE_syn_received)->stamp < last(TCP_TRACE_opened)->stamp);
	CU_ASSERT_EQUAL(last(TCP_TRACE_state)->a, TCP_ESTABLISHED_STATE);
	CU_ASSERT_EQUAL(last(TCP_TRACE_negotiated)->a, info.mss);
	peer_send(&peer, TCP_RST, 1, 0, 0);
	CU_ASSERT(traced(TCP_TRACE_rx_reset, PEER_ISS + 1, PEER_ISS + 1));
	CU_ASSERT_EQUAL(last(TCP_TRACE_state)->a, TCP_CLOSED_STATE);
	CU_ASSERT(traced(TCP_TRACE_closed, TCP_CLOSE_RESET, 0));
	CU_ASSERT_EQUAL(last(TCP_TRACE_closed)->connection, info.id);
	end();
}

/* In order, beyond a hole, filling it, and again. */
static void test_receiving(void)
{
	const uint32_t base = PEER_ISS + 1;

	establish();
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT(traced(TCP_TRACE_rx_run, base, 100));
	CU_ASSERT_EQUAL(last(TCP_TRACE_rx_run)->stamp >> 16, peer.now_us);
	peer_send(&peer, TCP_ACK, 201, 1, 50);
	CU_ASSERT(traced(TCP_TRACE_rx_out_of_order, base + 200, 50));
	peer_send(&peer, TCP_ACK, 101, 1, 100);
	CU_ASSERT(traced(TCP_TRACE_rx_filled, base + 250, 150));
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(last(TCP_TRACE_tx_ack)->a, base + 250);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT(traced(TCP_TRACE_rx_duplicate, base, base + 100));
	CU_ASSERT(traced(TCP_TRACE_dropped, TCP_COUNTER_drop_duplicate, base));
	end();
}

static void test_sending(void)
{
	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 500), 0);
	(void)peer_drain(&peer);
	CU_ASSERT(traced(TCP_TRACE_tx_data, peer.our_iss + 1, 500));
	peer_advance(&peer, 3000000);
	(void)peer_drain(&peer);
	CU_ASSERT_PTR_NOT_NULL(last(TCP_TRACE_timeout));
	CU_ASSERT_FATAL(last(TCP_TRACE_retransmit) != NULL);
	CU_ASSERT_EQUAL(last(TCP_TRACE_retransmit)->a, peer.our_iss + 1);
	peer_send(&peer, TCP_ACK, 1, 501, 0);
	CU_ASSERT_EQUAL(last(TCP_TRACE_rx_acked)->a, peer.our_iss + 501);
	end();
}

/* What was refused without a connection says why. */
static void test_refused(void)
{
	establish();
	peer.port++;
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(last(TCP_TRACE_refused)->a, TCP_COUNTER_drop_no_listener);
	CU_ASSERT_EQUAL(last(TCP_TRACE_refused)->connection, 0);
	CU_ASSERT_PTR_NOT_NULL(last(TCP_TRACE_reset_sent));
	end();
}

/* A ring overwrites its oldest, and only its own: life is still told after much data. */
static void test_wrap(void)
{
	establish();
	for (uint32_t i = 0; i < 3 * RECORDS; i++) {
		peer_send(&peer, TCP_ACK, 1 + 10 * i, 1, 10);
		(void)peer_drain(&peer);
	}
	CU_ASSERT(written(TCP_TRACE_FLOW) > 3ULL * RECORDS);
	for (uint64_t n = written(TCP_TRACE_FLOW) - RECORDS + 1; n < written(TCP_TRACE_FLOW); n++) {
		CU_ASSERT(record_at(TCP_TRACE_FLOW, n - 1)->stamp <
			  record_at(TCP_TRACE_FLOW, n)->stamp);
	}
	CU_ASSERT_PTR_NOT_NULL(last(TCP_TRACE_opened));
	end();
}

static void test_configuration(void)
{
	peer_init(&peer);
	peer.config.trace_records = 100;
	CU_ASSERT_PTR_NULL(tcp_stack_create(&peer.config));
	peer.config.trace_records = 128;
	peer_create(&peer);
	peer_destroy(&peer);
}

CU_TestInfo trace_tests[] = {
	{"every event is described", test_descriptions},
	{"values that have names", test_value_names},
	{"a connection from SYN to RST", test_life},
	{"receiving", test_receiving},
	{"sending and a timeout", test_sending},
	{"refused without a connection", test_refused},
	{"rings overwrite their own", test_wrap},
	{"number of records", test_configuration},
	CU_TEST_INFO_NULL,
};
