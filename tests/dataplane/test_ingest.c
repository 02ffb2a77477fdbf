/*
 * A publisher and ingest over two real TCP stacks, back to back in one process: handshake,
 * publish, media, end. Every byte is checked as it comes out of the log.
 */
#include <arpa/inet.h>
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/session.h"
#include "rtmp/client.h"
#include "rtmp/heap_buffers.h"
#include "tcpstack/tcp.h"
#include "world.h"

#define STREAM_MAX (8u << 20)

/* The encoder: an rtmp_client that writes to a TCP connection. */
struct encoder {
	struct tcp_stack *stack;
	struct tcp_conn *conn;
	struct rte_mempool *pool;
	struct rte_mempool *indirect;
	struct rtmp_client client;
	struct rtmp_client_config config;
	struct rtmp_out out; /* all that was ever written */
	size_t sent;
	bool connected;
	bool publishing;
	bool closed;
	enum tcp_close_reason reason;
};

static struct world world;
static struct tcp_stack *server;
static struct rte_mempool *server_indirect;
static struct rte_mempool *wire_pool;
static struct encoder encoder;
static struct reader reader;
static uint8_t payload[1 << 20];

static void on_connected(void *user, struct tcp_conn *conn)
{
	struct encoder *e = user;

	(void)conn;
	e->connected = true;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct encoder *e = user;
	struct rtmp_client_event event;

	(void)conn;
	for (struct rte_mbuf *m = chain; m; m = m->next) {
		struct rtmp_span span = {.data = rte_pktmbuf_mtod(m, uint8_t *),
					 .len = m->data_len};
		do {
			CU_ASSERT_EQUAL_FATAL(rtmp_client_next(&e->client, &span, &e->out, &event),
					      0);
			e->publishing |= event.type == RTMP_CLIENT_PUBLISHING;
		} while (event.type != RTMP_CLIENT_MORE);
	}
	rte_pktmbuf_free(chain);
}

static void on_event(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct encoder *e = user;

	(void)conn;
	e->closed = true;
	e->reason = reason;
}

static const struct tcp_ops encoder_ops = {
	.connected = on_connected,
	.received = on_received,
	.peer_closed = on_event,
	.writable = on_event,
	.closed = on_closed,
};

static struct in6_addr address(const char *text)
{
	struct in6_addr addr;

	inet_pton(AF_INET6, text, &addr);
	return addr;
}

static struct tcp_stack *make_stack(const char *name, const struct tcp_ops *ops, void *app,
				    struct rte_mempool *headers, struct rte_mempool *indirect)
{
	struct tcp_config config = {
		.name = name,
		.numa_node = -1,
		.connections = 64,
		.syn_received = 16,
		.time_wait = 16,
		.side_records = 64,
		.segment_truesize = 2368,
		.receive_budget = 1 << 20,
		.send_budget = SESSION_SEND_MAX,
		.ooo_segments = 256,
		.mtu = 1500,
		.time_wait_ms = 1000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 60000,
		.secret = {1, 2, 3},
		.header_pool = headers,
		.indirect_pool = indirect,
		.ops = ops,
		.app = app,
	};
	struct tcp_stack *stack = tcp_stack_create(&config);

	CU_ASSERT_PTR_NOT_NULL_FATAL(stack);
	return stack;
}

/* As a NIC would: each packet in an mbuf of the receiver's pool. */
static uint32_t carry(struct tcp_stack *from, struct tcp_stack *to, struct rte_mempool *pool)
{
	struct rte_mbuf *packets[32];
	struct rte_mbuf *copies[32];
	uint16_t count = tcp_output(from, packets, 32, world.now_us);
	uint16_t n = 0;

	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		if (m) {
			uint8_t *data =
				(uint8_t *)rte_pktmbuf_append(m, (uint16_t)packets[i]->pkt_len);
			const void *at = rte_pktmbuf_read(packets[i], 0, packets[i]->pkt_len, data);
			if (at != data) {
				memcpy(data, at, packets[i]->pkt_len);
			}
			copies[n++] = m;
		}
		rte_pktmbuf_free(packets[i]);
	}
	tcp_input(to, copies, n, world.now_us);
	return count;
}

static void send_more(struct encoder *e)
{
	while (e->sent < e->out.len) {
		size_t n = e->out.len - e->sent;
		struct rte_mbuf *m = rte_pktmbuf_alloc(e->pool);

		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		n = n < 1400 ? n : 1400;
		if (tcp_send_space(e->conn) < n) {
			rte_pktmbuf_free(m);
			return;
		}
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), e->out.data + e->sent, n);
		CU_ASSERT_EQUAL_FATAL(tcp_send(e->conn, m), 0);
		e->sent += n;
	}
}

/* One round of everything, 200 us. */
static uint32_t turn(void)
{
	uint32_t work = 0;

	world.now_us += 200;
	dp_ingest_commands(world.ingest, world.now_us);
	if (encoder.connected && !encoder.closed) {
		send_more(&encoder);
	}
	tcp_timers(encoder.stack, world.now_us, 64);
	tcp_timers(server, world.now_us, 64);
	work += carry(encoder.stack, server, world.packets.pool);
	work += carry(server, encoder.stack, wire_pool);
	dp_ingest_poll(world.ingest, world.now_us);
	return work;
}

static void turns(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)turn();
	}
}

static void start(uint32_t chunk_size)
{
	struct tcp_endpoint local = {.addr = address("::ffff:198.18.0.1")};
	struct tcp_endpoint remote = {.addr = address("::ffff:198.18.0.2"), .port = 1935};

	world_init(&world);
	world.memory.log_blocks = 256;
	world_open(&world);
	world_attach(&world);
	server = make_stack("server", &dp_ingest_tcp_ops, world.ingest, world.reply,
			    server_indirect);
	CU_ASSERT_EQUAL(tcp_add_address(server, &remote.addr), 0);
	CU_ASSERT_EQUAL(tcp_listen(server, 1935), 0);

	encoder = (struct encoder){.pool = encoder.pool, .indirect = encoder.indirect};
	encoder.stack = make_stack("client", &encoder_ops, NULL, encoder.pool, encoder.indirect);
	CU_ASSERT_EQUAL(tcp_add_address(encoder.stack, &local.addr), 0);
	encoder.out = (struct rtmp_out){.data = malloc(STREAM_MAX), .cap = STREAM_MAX};
	encoder.config = (struct rtmp_client_config){.buffers = &rtmp_heap_buffers,
						     .app = "live",
						     .tc_url = "rtmp://198.18.0.2/live",
						     .name = "key",
						     .flash_ver = "test",
						     .chunk_size = chunk_size};
	rtmp_client_init(&encoder.client, &encoder.config, 9);
	CU_ASSERT_EQUAL(rtmp_client_start(&encoder.client, &encoder.out), 0);
	encoder.conn = tcp_connect(encoder.stack, &local, &remote, &encoder, world.now_us);
	CU_ASSERT_PTR_NOT_NULL_FATAL(encoder.conn);
}

static uint32_t go_live(void)
{
	turns(100);
	struct abi_event event = world_expect(&world, ABI_EVENT_PUBLISH);
	uint32_t slot = event.slot;
	CU_ASSERT_EQUAL(strncmp(world_stream(&world, slot)->peer, "198.18.0.1:", 11), 0);
	world_command(&world, ABI_COMMAND_ACCEPT, slot, event.generation, 0, "public");
	turns(100);
	CU_ASSERT_TRUE_FATAL(encoder.publishing);
	return slot;
}

static void stop(void)
{
	while (!encoder.closed) {
		(void)turn();
	}
	turns(20);
	tcp_stack_destroy(encoder.stack);
	free(encoder.out.data);
	world_detach(&world);
	turns(0);
	tcp_stack_destroy(server);
	world_close(&world);
}

static void fill(uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++) {
		payload[i] = (uint8_t)(seed * 31 + i * 13 + (i >> 9));
	}
	payload[0] = seed % 50 == 0 ? 0x17 : 0x27;
	payload[1] = 1;
}

static void publish(uint32_t len, uint32_t seed)
{
	struct rtmp_message msg = {.timestamp = seed * 20,
				   .length = len,
				   .stream_id = encoder.client.stream_id,
				   .csid = 6,
				   .type = RTMP_TYPE_VIDEO};

	fill(len, seed);
	CU_ASSERT_TRUE_FATAL(
		rtmp_chunk_writer_put(&encoder.client.writer, &msg, payload, &encoder.out));
}

static void expect(uint32_t slot, uint32_t len, uint32_t seed)
{
	uint32_t patience = 100000;

	while (!reader_next(&reader)) {
		(void)turn();
		CU_ASSERT_TRUE_FATAL(patience-- > 0);
	}
	fill(len, seed);
	CU_ASSERT_EQUAL_FATAL(reader.entry.length, len);
	CU_ASSERT_EQUAL(reader.entry.timestamp, seed * 20);
	CU_ASSERT_EQUAL_FATAL(memcmp(reader.payload, payload, len), 0);
	world_set_tail(&world, slot, reader.position);
}

static void run(uint32_t chunk_size)
{
	start(chunk_size);
	uint32_t slot = go_live();
	reader_init(&reader, &world, slot);
	for (uint32_t i = 0; i < 200; i++) {
		publish(10 + i * i % 5000, i);
	}
	for (uint32_t i = 0; i < 200; i++) {
		expect(slot, 10 + i * i % 5000, i);
	}
	CU_ASSERT_EQUAL(rtmp_client_finish(&encoder.client, &encoder.out), 0);
	turns(50);
	CU_ASSERT_EQUAL(encoder.sent, encoder.out.len);
	tcp_close(encoder.conn);
	stop();
	CU_ASSERT_EQUAL(encoder.reason, TCP_CLOSE_NORMAL);
	CU_ASSERT_EQUAL(world_count(&world, DP_COUNTER_messages), 200);
}

static void test_small_chunks(void)
{
	run(128);
	CU_ASSERT_TRUE(world_count(&world, DP_COUNTER_pieces_joined) > 2000);
}

static void test_large_chunks(void)
{
	run(4096);
}

/* A message that pins more packets than the receive budget of TCP. */
static void test_long_message(void)
{
	start(4096);
	uint32_t slot = go_live();
	reader_init(&reader, &world, slot);
	publish(1000000, 0);
	expect(slot, 1000000, 0);
	tcp_abort(encoder.conn);
	stop();
}

/* Rejected: the encoder reads why, and the connection ends in order. */
static void test_reject(void)
{
	start(128);
	turns(100);
	struct abi_event event = world_expect(&world, ABI_EVENT_PUBLISH);
	world_command(&world, ABI_COMMAND_KICK, event.slot, event.generation, 0, NULL);
	world_command(&world, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, "x");
	world_command(&world, ABI_COMMAND_KICK, event.slot, event.generation, RTMP_REJECT_KICKED,
		      NULL);
	turns(100);
	CU_ASSERT_EQUAL(world_count(&world, DP_COUNTER_commands_stale), 1);
	CU_ASSERT_FALSE(encoder.closed);
	tcp_close(encoder.conn);
	stop();
	CU_ASSERT_EQUAL(encoder.reason, TCP_CLOSE_NORMAL);
}

static void test_peer_that_stays(void)
{
	start(128);
	(void)go_live();
	dp_ingest_shutdown(world.ingest, world.now_us);
	turns(100);
	CU_ASSERT_FALSE(encoder.closed);
	stop(); /* ends by the reset after the linger */
	CU_ASSERT_EQUAL(encoder.reason, TCP_CLOSE_RESET);
}

static int setup(void)
{
	encoder.pool = rte_pktmbuf_pool_create("client", 8191, 0, 0, 2048 + 128, -1);
	encoder.indirect = rte_pktmbuf_pool_create("client_ind", 8191, 0, 0, 0, -1);
	server_indirect = rte_pktmbuf_pool_create("server_ind", 1023, 0, 0, 0, -1);
	wire_pool = rte_pktmbuf_pool_create("wire", 1023, 0, 0, 2048 + 128, -1);
	return !encoder.pool || !encoder.indirect || !server_indirect || !wire_pool;
}

int main(void)
{
	world_start_eal();
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("ingest", setup, NULL);
	CU_add_test(suite, "chunks of 128", test_small_chunks);
	CU_add_test(suite, "chunks of 4096", test_large_chunks);
	CU_add_test(suite, "message over the receive budget", test_long_message);
	CU_add_test(suite, "accept and kick", test_reject);
	CU_add_test(suite, "peer that does not close", test_peer_that_stays);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}
