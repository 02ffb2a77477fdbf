/*
 * Connections to the discard port: read, counted, thrown away; RTMP sessions beside them.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <string.h>

#include "publisher.h"
#include "tcpstack/tcp.h"

#define DISCARD_PORT 5001

static struct publisher publisher;

static void connect_to(struct world *w, struct tcp_conn *conn, uint16_t port)
{
	fake_tcp_init(conn);
	conn->local_port = port;
	CU_ASSERT_TRUE_FATAL(dp_ingest_tcp_ops.accepted(w->ingest, conn));
}

/* What would end an RTMP session at once. */
static void send_garbage(struct world *w, struct tcp_conn *conn, uint32_t segments, uint16_t len)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t i = 0; i < segments; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->packets.pool);

		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		memset(rte_pktmbuf_append(m, len), 0xff, len);
		if (head != NULL) {
			CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_chain(head, m), 0);
		} else {
			head = m;
		}
	}
	dp_ingest_tcp_ops.received(conn->user, conn, head);
	world_poll(w);
}

static void open_world(struct world *w, uint16_t port)
{
	world_init(w);
	w->discard_port = port;
	world_open(w);
	world_attach(w);
}

static void test_counted_and_freed(void)
{
	struct world w;
	struct tcp_conn conn;

	open_world(&w, DISCARD_PORT);
	connect_to(&w, &conn, DISCARD_PORT);
	for (uint32_t i = 0; i < 1000; i++) {
		send_garbage(&w, &conn, 3, 1448);
	}
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_discard_connections), 1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_discard_bytes), UINT64_C(1000) * 3 * 1448);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(w.packets.pool), w.memory.packets);
	CU_ASSERT_EQUAL(conn.sent_len, 0);
	CU_ASSERT_EQUAL(conn.held, 0);
	fake_tcp_gone(&conn);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sessions_closed), 1);
	world_close(&w);
}

static void test_pauses_for_ever(void)
{
	struct world w;
	struct tcp_conn conn;

	open_world(&w, DISCARD_PORT);
	connect_to(&w, &conn, DISCARD_PORT);
	w.now_us += UINT64_C(86400) * 365 * 1000000;
	world_poll(&w);
	CU_ASSERT_FALSE(conn.aborted);
	CU_ASSERT_FALSE(conn.closed);
	send_garbage(&w, &conn, 1, 1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_discard_bytes), 1);
	fake_tcp_gone(&conn);
	world_close(&w);
}

/* The peer's FIN is answered by ours; what comes after it counts no more. */
static void test_peer_closes(void)
{
	struct world w;
	struct tcp_conn conn;

	open_world(&w, DISCARD_PORT);
	connect_to(&w, &conn, DISCARD_PORT);
	dp_ingest_tcp_ops.peer_closed(conn.user, &conn);
	CU_ASSERT_TRUE(conn.closed);
	send_garbage(&w, &conn, 1, 100);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_discard_bytes), 0);
	fake_tcp_gone(&conn);
	world_close(&w);
}

static void test_shutdown(void)
{
	struct world w;
	struct tcp_conn conn;

	open_world(&w, DISCARD_PORT);
	connect_to(&w, &conn, DISCARD_PORT);
	dp_ingest_shutdown(w.ingest, w.now_us);
	CU_ASSERT_TRUE(conn.closed);
	CU_ASSERT_FALSE(dp_ingest_idle(w.ingest));
	fake_tcp_gone(&conn);
	CU_ASSERT_TRUE(dp_ingest_idle(w.ingest));
	world_close(&w);
}

/* Only the one port discards, and none when none is configured. */
static void test_other_ports_speak_rtmp(uint16_t configured, uint16_t port)
{
	struct world w;
	struct tcp_conn conn;

	open_world(&w, configured);
	connect_to(&w, &conn, port);
	send_garbage(&w, &conn, 1, 100);
	CU_ASSERT_TRUE(conn.closed || conn.aborted);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_discard_connections), 0);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_discard_bytes), 0);
	fake_tcp_gone(&conn);
	(void)publisher_go_live(&publisher, &w, "key", 128, 1448);
	publisher_close(&publisher);
	(void)world_expect(&w, ABI_EVENT_ENDED);
	world_close(&w);
}

static void test_other_ports(void)
{
	test_other_ports_speak_rtmp(DISCARD_PORT, 1935);
	test_other_ports_speak_rtmp(0, 1935);
	test_other_ports_speak_rtmp(0, 0);
}

int main(void)
{
	world_start_eal();
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("discard", NULL, NULL);
	CU_add_test(suite, "counted and freed", test_counted_and_freed);
	CU_add_test(suite, "pauses for ever", test_pauses_for_ever);
	CU_add_test(suite, "peer closes", test_peer_closes);
	CU_add_test(suite, "shutdown", test_shutdown);
	CU_add_test(suite, "other ports speak RTMP", test_other_ports);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}
