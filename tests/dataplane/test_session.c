/*
 * Sessions end to end in one process: rtmp_client -> segments -> ingest -> log -> reader, with
 * control's side played by the test.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/publish.h"
#include "publisher.h"
#include "rtmp/server.h"
#include "tcpstack/tcp.h"

static struct publisher pub1;
static struct publisher pub2;
static struct reader reader;
static uint8_t payload[1000000];

/* Video with the FLV byte in front: 0x17 keyframe, 0x27 inter frame, NALUs. */
static void fill_video(uint8_t first, uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++) {
		payload[i] = (uint8_t)(seed * 131 + i * 7 + (i >> 8));
	}
	payload[0] = first;
	if (len > 1) {
		payload[1] = 1;
	}
}

static void send_and_check(uint32_t len, uint32_t timestamp, uint8_t first)
{
	fill_video(first, len, timestamp);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, timestamp, payload, len);
	publisher_pump(&pub1);
	CU_ASSERT_TRUE_FATAL(reader_next(&reader));
	CU_ASSERT_EQUAL(reader.entry.length, len);
	CU_ASSERT_EQUAL(reader.entry.timestamp, timestamp);
	CU_ASSERT_EQUAL(reader.entry.type, RTMP_TYPE_VIDEO);
	CU_ASSERT_EQUAL(memcmp(reader.payload, payload, len), 0);
}

static void test_media(uint32_t chunk_size, uint32_t segment)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key?a=b", chunk_size, segment);
	struct abi_stream *s = world_stream(&w, slot);
	CU_ASSERT_STRING_EQUAL(s->name, "public");
	CU_ASSERT_STRING_EQUAL(s->asked, "key?a=b");
	CU_ASSERT_STRING_EQUAL(s->app, "live");
	CU_ASSERT_STRING_EQUAL(s->peer, "198.18.0.1:50000");
	CU_ASSERT_STRING_EQUAL(s->encoder, "test");
	reader_init(&reader, &w, slot);
	static const uint32_t lengths[] = {1, 2, 31, 32, 33, 127, 128, 129, 256, 1448, 5000, 70001};
	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		send_and_check(lengths[i], 40 * i, i == 0 ? 0x17 : 0x27);
		world_set_tail(&w, slot, reader.position);
		world_poll(&w);
		CU_ASSERT_EQUAL(atomic_load(&s->reclaimed), reader.position);
		CU_ASSERT_EQUAL(atomic_load(&s->pinned_bytes), 0);
	}
	CU_ASSERT_EQUAL(pub1.conn.held, 0);
	CU_ASSERT_EQUAL(atomic_load(&s->messages), sizeof(lengths) / sizeof(lengths[0]));
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped), 0);
	/* One mbuf stays with the connection, for what came in small segments. */
	CU_ASSERT_TRUE(rte_mempool_avail_count(w.packets.pool) >= w.memory.packets - 1);
	world_check_memory(&w);
	publisher_close(&pub1);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(w.packets.pool), w.memory.packets);
	struct abi_event event = world_expect(&w, ABI_EVENT_ENDED);
	CU_ASSERT_EQUAL(event.value, reader.position);
	world_poll(&w);
	CU_ASSERT_EQUAL(dp_ingest_next_us(w.ingest), UINT64_MAX);
	CU_ASSERT_EQUAL(atomic_load(&s->state), ABI_STREAM_FREE);
	CU_ASSERT_EQUAL(atomic_load(&s->generation), 2);
	CU_ASSERT_EQUAL(s->asked[0], 0);
	world_close(&w);
}

static void test_segment_sizes(void)
{
	static const uint32_t chunks[] = {128, 4096, 60000};
	static const uint32_t segments[] = {100, 536, 1448, 2048};

	for (uint32_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		for (uint32_t j = 0; j < sizeof(segments) / sizeof(segments[0]); j++) {
			test_media(chunks[i], segments[j]);
		}
	}
}

/* Audio between the chunks of nothing: two messages in one segment, order kept. */
static void test_interleaved(void)
{
	struct world w;
	uint8_t audio[300];

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 128, 1448);
	reader_init(&reader, &w, slot);
	memset(audio, 0xAF, sizeof(audio));
	for (uint32_t i = 0; i < 200; i++) {
		fill_video(i % 50 == 0 ? 0x17 : 0x27, 900, i);
		publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, i * 40, payload, 900);
		publisher_media(&pub1, RTMP_TYPE_AUDIO, 4, i * 40, audio, sizeof(audio));
	}
	publisher_pump(&pub1);
	for (uint32_t i = 0; i < 200; i++) {
		fill_video(i % 50 == 0 ? 0x17 : 0x27, 900, i);
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
		CU_ASSERT_EQUAL(memcmp(reader.payload, payload, 900), 0);
		CU_ASSERT_EQUAL(!!(reader.entry.flags & ABI_LOG_KEYFRAME), i % 50 == 0);
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
		CU_ASSERT_EQUAL(memcmp(reader.payload, audio, sizeof(audio)), 0);
	}
	CU_ASSERT_FALSE(reader_next(&reader));
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_pieces_joined) > 1000);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_early_media(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 128, 1448);
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	fill_video(0x17, 5000, 1);
	pub1.client.stream_id = pub1.client.stream_id ? pub1.client.stream_id : 1;
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 0, payload, 5000);
	publisher_pump(&pub1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_early), 1);
	world_command(&w, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, "public");
	world_poll(&w);
	reader_init(&reader, &w, event.slot);
	CU_ASSERT_EQUAL(reader.block, world_stream(&w, event.slot)->first_block);
	CU_ASSERT_TRUE_FATAL(reader_next(&reader));
	CU_ASSERT_EQUAL(memcmp(reader.payload, payload, 5000), 0);
	publisher_close(&pub1);
	world_close(&w);
}

/*
 * A first keyframe of 980 KB is payload of less than a MiB, whatever packet memory it pins; two are
 * more, and what pins far more than it carries is not kept either.
 */
static void test_early_keyframe(void)
{
	struct world w;

	for (uint32_t chunk = 128; chunk <= 60000; chunk *= 20) {
		world_init(&w);
		world_open(&w);
		world_attach(&w);
		publisher_open(&pub1, &w, "key", chunk, 1448);
		(void)world_expect(&w, ABI_EVENT_PUBLISH);
		pub1.client.stream_id = 1;
		fill_video(0x17, 980000, 1);
		publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 0, payload, 980000);
		publisher_pump(&pub1);
		CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_early), 1);
		publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 0, payload, 70000);
		publisher_pump(&pub1);
		CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_early), 1);
		CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped), 1);
		publisher_close(&pub1);
		world_close(&w);
	}
}

static void test_early_truesize(void)
{
	struct world w;

	world_init(&w);
	w.rtmp.limits.early_media_kib = 64;
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 4096, 1448);
	(void)world_expect(&w, ABI_EVENT_PUBLISH);
	pub1.client.stream_id = 1;
	pub1.segment = 400; /* of 2,4xx that each pins */
	fill_video(0x17, 380, 1);
	for (uint32_t i = 0; i < 120; i++) {
		publisher_media(&pub1, RTMP_TYPE_AUDIO, 4, i, payload, 380);
		publisher_pump(&pub1);
	}
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_messages_early) > 60);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_messages_early) < 90);
	publisher_close(&pub1);
	world_close(&w);
}

/* Nor more than admission reserves for a publication of a rate that is not known. */
static void test_early_promise(void)
{
	struct world w;

	world_init(&w);
	w.admission = (struct config_admission){.bitrate_kbps = 100, .gop_ms = 2000};
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 4096, 1448);
	(void)world_expect(&w, ABI_EVENT_PUBLISH);
	pub1.client.stream_id = 1;
	fill_video(0x17, 800000, 1);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 0, payload, 800000);
	publisher_pump(&pub1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_early), 0);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped), 1);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_reject(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 128, 1448);
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	uint64_t generation = event.generation;
	world_command(&w, ABI_COMMAND_REJECT, event.slot, generation, RTMP_REJECT_BUSY, NULL);
	world_poll(&w);
	publisher_pump(&pub1);
	CU_ASSERT_TRUE(pub1.refused);
	CU_ASSERT_STRING_EQUAL(pub1.code, "NetStream.Publish.BadName");
	CU_ASSERT_TRUE(pub1.conn.closed);
	CU_ASSERT_FALSE(pub1.conn.aborted);
	/* It goes on sending; after the linger it is reset. */
	fill_video(0x17, 5000, 1);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 0, payload, 5000);
	publisher_pump(&pub1);
	CU_ASSERT_FALSE(pub1.conn.gone);
	w.now_us += 2100000;
	world_poll(&w);
	CU_ASSERT_TRUE(pub1.conn.aborted);
	/* Too late. */
	world_command(&w, ABI_COMMAND_ACCEPT, 0, generation, 0, "public");
	world_poll(&w);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_commands_stale), 1);
	(void)world_expect(&w, ABI_EVENT_ENDED);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_no_control(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	publisher_open(&pub1, &w, "key", 128, 1448);
	publisher_pump(&pub1);
	CU_ASSERT_TRUE(pub1.refused);
	CU_ASSERT_TRUE(pub1.conn.closed);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_no_control), 1);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_kick(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 128, 1448);
	uint64_t generation = atomic_load(&world_stream(&w, slot)->generation);
	world_command(&w, ABI_COMMAND_KICK, slot, generation + 2, RTMP_REJECT_KICKED, NULL);
	world_poll(&w);
	CU_ASSERT_FALSE(pub1.conn.closed);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_commands_stale), 1);
	world_command(&w, ABI_COMMAND_KICK, slot, generation, RTMP_REJECT_KICKED, NULL);
	world_poll(&w);
	CU_ASSERT_TRUE(pub1.conn.closed);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_kicked), 1);
	publisher_close(&pub1);
	world_close(&w);
}

/* A segment of `len` zeros behind the first byte. */
static void send_bytes(struct world *w, uint8_t first, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->packets.pool);
	uint8_t *data = m ? (uint8_t *)rte_pktmbuf_append(m, len) : NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	memset(data, 0, len);
	data[0] = first;
	dp_ingest_tcp_ops.received(pub1.conn.user, &pub1.conn, m);
}

/* C0, C1 and C2 (RTMP specification 5.2.1), with and without the last byte, and no more. */
static void test_silence_after_handshake(void)
{
	for (uint16_t missing = 0; missing < 2; missing++) {
		struct world w;

		world_init(&w);
		world_open(&w);
		fake_tcp_init(&pub1.conn);
		CU_ASSERT_TRUE_FATAL(dp_ingest_tcp_ops.accepted(w.ingest, &pub1.conn));
		send_bytes(&w, 3, 1 + 1536);
		send_bytes(&w, 0, (uint16_t)(1536 - missing));
		w.now_us += 5010000;
		world_poll(&w);
		CU_ASSERT_TRUE(pub1.conn.aborted);
		CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_connect), 1u - missing);
		CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_handshake), missing);
		fake_tcp_fini(&pub1.conn);
		world_close(&w);
	}
}

static bool was_told(const struct publisher *p, enum rtmp_reject why)
{
	const char *text = rtmp_reject_text(why);

	return memmem(p->conn.sent, p->conn.sent_len, text, strlen(text));
}

static void test_timeouts(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	/* Nothing ever comes. */
	fake_tcp_init(&pub1.conn);
	CU_ASSERT_TRUE(dp_ingest_tcp_ops.accepted(w.ingest, &pub1.conn));
	CU_ASSERT_EQUAL(dp_ingest_next_us(w.ingest), w.now_us + 5000000);
	w.now_us += 4990000;
	world_poll(&w);
	CU_ASSERT_FALSE(pub1.conn.aborted);
	w.now_us += 20000;
	world_poll(&w);
	CU_ASSERT_TRUE(pub1.conn.aborted);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_handshake), 1);
	CU_ASSERT_EQUAL(dp_ingest_next_us(w.ingest), UINT64_MAX);
	/* Control does not answer. */
	publisher_open(&pub1, &w, "key", 128, 1448);
	w.now_us += 3100000;
	world_poll(&w);
	publisher_pump(&pub1);
	CU_ASSERT_TRUE(pub1.refused);
	CU_ASSERT_TRUE(pub1.conn.closed);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_decision), 1);
	publisher_close(&pub1);
	struct abi_event event;
	while (world_event(&w, &event)) {
	}
	/* A publisher that sends nothing. */
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 128, 1448);
	for (int i = 0; i < 29; i++) {
		w.now_us += 1000000;
		world_poll(&w);
	}
	CU_ASSERT_FALSE(pub1.conn.closed);
	fill_video(0x17, 100, 1);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 0, payload, 100);
	publisher_pump(&pub1);
	for (int i = 0; i < 29; i++) {
		w.now_us += 1000000;
		world_poll(&w);
	}
	CU_ASSERT_FALSE(pub1.conn.closed);
	for (int i = 0; i < 10; i++) {
		w.now_us += 1000000;
		world_poll(&w);
	}
	CU_ASSERT_TRUE(pub1.conn.closed);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_idle), 1);
	CU_ASSERT_TRUE(was_told(&pub1, RTMP_REJECT_IDLE));
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_ENDED);
	CU_ASSERT_TRUE(dp_ingest_next_us(w.ingest) <= w.now_us + 10000);
	/* Control never reads it: it is hung, and nothing is given back under it. */
	CU_ASSERT_FALSE(dp_ingest_hung(w.ingest));
	w.now_us += PUBLISH_LINGER_US;
	world_poll(&w);
	world_poll(&w);
	CU_ASSERT_TRUE(dp_ingest_hung(w.ingest));
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_control_hung), 1);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_ENDED);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_log_dropped_unread), 0);
	world_detach(&w);
	world_poll(&w);
	CU_ASSERT_FALSE(dp_ingest_hung(w.ingest));
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_FREE);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_log_dropped_unread), 2);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_slots_and_sessions_run_out(void)
{
	struct world w;
	struct tcp_conn conns[2];

	world_init(&w);
	w.memory.streams = 1;
	w.memory.connections = 2;
	world_open(&w);
	world_attach(&w);
	(void)publisher_go_live(&pub1, &w, "one", 128, 1448);
	publisher_open(&pub2, &w, "two", 128, 1448);
	publisher_pump(&pub2);
	CU_ASSERT_TRUE(pub2.refused);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_no_slot), 1);
	fake_tcp_init(&conns[0]);
	CU_ASSERT_FALSE(dp_ingest_tcp_ops.accepted(w.ingest, &conns[0]));
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sessions_refused), 1);
	publisher_close(&pub2);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_send_failure(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 128, 1448);
	pub1.conn.send_error = -EAGAIN;
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	world_command(&w, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, "public");
	world_poll(&w);
	CU_ASSERT_TRUE(pub1.conn.aborted);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_garbage(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 128, 1448);
	memset(pub1.out.data, 0xff, 5000);
	pub1.out.len = 5000;
	publisher_pump(&pub1);
	CU_ASSERT_TRUE(pub1.conn.closed || pub1.conn.gone);
	uint64_t errors = 0;
	for (uint32_t i = 0; i < RTMP_ERROR_COUNT - 1; i++) {
		errors += dp_ingest_rtmp_errors(w.ingest)[i];
	}
	CU_ASSERT_EQUAL(errors, 1);
	publisher_close(&pub1);
	world_close(&w);
}

/* Log blocks run out: whole messages are dropped, video waits for the next keyframe. */
static void test_log_full(void)
{
	struct world w;

	world_init(&w);
	w.memory.log_blocks = 2;
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	reader_init(&reader, &w, slot);
	for (uint32_t i = 0; i < 300; i++) {
		fill_video(i == 0 ? 0x17 : 0x27, 200, i);
		publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, i, payload, 200);
		publisher_pump(&pub1);
	}
	struct abi_stream *s = world_stream(&w, slot);
	uint64_t kept = atomic_load(&s->messages);
	CU_ASSERT_EQUAL(kept, 127); /* 2 units each; the block of `head` has to be there */
	CU_ASSERT_EQUAL(atomic_load(&s->dropped_messages), 300 - kept);
	while (reader_next(&reader)) {
	}
	world_set_tail(&w, slot, reader.position);
	world_poll(&w);
	fill_video(0x27, 200, 1000);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 1000, payload, 200);
	publisher_pump(&pub1);
	CU_ASSERT_FALSE(reader_next(&reader));
	send_and_check(200, 1001, 0x17);
	send_and_check(200, 1002, 0x27);
	publisher_close(&pub1);
	world_close(&w);
}

static void test_control_lost_and_back(void)
{
	struct world w;

	world_init(&w);
	w.memory.log_blocks = 256;
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	world_detach(&w);
	for (uint32_t i = 0; i < 3000; i++) {
		fill_video(i % 100 == 0 ? 0x17 : 0x27, 100, i);
		publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, i, payload, 100);
		publisher_pump(&pub1);
	}
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_log_dropped_unread) > 1000);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped), 0);
	world_attach(&w);
	CU_ASSERT_EQUAL(atomic_load(&w.pub->epoch), w.sub->epoch);
	reader_init(&reader, &w, slot);
	CU_ASSERT_TRUE(reader.position > 0);
	CU_ASSERT_TRUE_FATAL(reader_next(&reader));
	CU_ASSERT_TRUE(reader.entry.flags & ABI_LOG_KEYFRAME);
	while (reader_next(&reader)) {
	}
	CU_ASSERT_EQUAL(reader.entry.number, 2999);
	publisher_close(&pub1);
	world_close(&w);
}

/* The one that comes back begins with an empty ring of commands; the one before had used its own.
 */
static void test_next_control_decides(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	(void)publisher_go_live(&pub1, &w, "first", 4096, 1448);
	world_attach(&w);
	CU_ASSERT_EQUAL(atomic_load(&w.pub->command_tail), 0);
	(void)publisher_go_live(&pub2, &w, "second", 4096, 1448);
	CU_ASSERT_TRUE(pub2.publishing);
	CU_ASSERT_EQUAL(atomic_load(&w.pub->command_tail), 1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sub_refused), 0);
	publisher_close(&pub1);
	publisher_close(&pub2);
	world_close(&w);
}

static void test_unpublish_and_again(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	(void)publisher_go_live(&pub1, &w, "key", 128, 1448);
	CU_ASSERT_EQUAL(rtmp_client_finish(&pub1.client, &pub1.out), 0);
	publisher_pump(&pub1);
	(void)world_expect(&w, ABI_EVENT_ENDED);
	CU_ASSERT_FALSE(pub1.conn.closed);
	/* The same connection may publish again: a publication of its own. */
	publisher_publish(&pub1, pub1.client.stream_id + 1, "other");
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	world_command(&w, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, "again");
	world_poll(&w);
	(void)world_expect(&w, ABI_EVENT_LIVE);
	reader_init(&reader, &w, event.slot);
	pub1.client.stream_id++;
	send_and_check(1000, 1, 0x17);
	publisher_close(&pub1);
	world_close(&w);
}

/* RTMP Abort: what was there of the message is given back, the next one is whole. */
static void test_abort(void)
{
	struct world w;
	static const uint8_t csid[4] = {0, 0, 0, 6};

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 128, 1448);
	reader_init(&reader, &w, slot);
	fill_video(0x17, 5000, 1);
	size_t before = pub1.out.len;
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 0, payload, 5000);
	pub1.out.len = before + 12 + (size_t)10 * 129 - 1; /* ten chunks */
	publisher_pump(&pub1);
	CU_ASSERT_TRUE(pub1.conn.held > 0);
	struct rtmp_message msg = {.length = 4, .csid = 2, .type = RTMP_TYPE_ABORT};
	CU_ASSERT_TRUE(rtmp_chunk_writer_put(&pub1.client.writer, &msg, csid, &pub1.out));
	publisher_pump(&pub1);
	CU_ASSERT_EQUAL(pub1.conn.held, 0);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_aborted), 1);
	send_and_check(1000, 1, 0x17);
	publisher_close(&pub1);
	world_close(&w);
}

/* Packets run short: keyframes alone, then nothing, then all again from the next keyframe. */
static void test_pressure(void)
{
	struct world w;
	struct rte_mbuf *taken[2048];

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	reader_init(&reader, &w, slot);
	send_and_check(1000, 0, 0x17);
	uint32_t count = w.memory.packets - w.memory.packets / 10;
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_alloc_bulk(w.packets.pool, taken, count - 1), 0);
	world_poll(&w);
	world_poll(&w);
	fill_video(0x27, 1000, 1);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 1, payload, 1000);
	publisher_pump(&pub1);
	CU_ASSERT_FALSE(reader_next(&reader));
	send_and_check(1000, 2, 0x17);
	struct rte_mbuf *more[150];
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_alloc_bulk(w.packets.pool, more, 150), 0);
	world_poll(&w);
	world_poll(&w);
	fill_video(0x17, 1000, 3);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 3, payload, 1000);
	publisher_pump(&pub1);
	CU_ASSERT_FALSE(reader_next(&reader));
	rte_pktmbuf_free_bulk(more, 150);
	rte_pktmbuf_free_bulk(taken, count - 1);
	world_poll(&w);
	world_poll(&w);
	send_and_check(1000, 4, 0x17);
	send_and_check(1000, 5, 0x27);
	publisher_close(&pub1);
	world_close(&w);
}

/* Control does not read events: nothing is lost, it is told later. */
static void test_events_full(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	(void)publisher_go_live(&pub1, &w, "key", 128, 1448);
	uint64_t tail = atomic_load(&w.sub->event_tail);
	atomic_store(&w.sub->event_tail, tail - ABI_EVENT_RING);
	publisher_open(&pub2, &w, "two", 128, 1448);
	publisher_pump(&pub2);
	CU_ASSERT_TRUE(pub2.refused); /* control would never hear of it */
	publisher_close(&pub2);
	publisher_close(&pub1);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_events_full) >= 2);
	/* ... nor does a tail that cannot be make room. */
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sub_refused), 0);
	atomic_store(&w.sub->event_tail, tail + 1);
	world_poll(&w);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_sub_refused) > 0);
	atomic_store(&w.sub->event_tail, tail);
	world_poll(&w);
	(void)world_expect(&w, ABI_EVENT_ENDED);
	world_close(&w);
}

static void test_shutdown(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	(void)publisher_go_live(&pub1, &w, "one", 128, 1448);
	publisher_open(&pub2, &w, "two", 128, 1448);
	dp_ingest_shutdown(w.ingest, w.now_us);
	CU_ASSERT_TRUE(pub1.conn.closed && pub2.conn.closed);
	CU_ASSERT_FALSE(dp_ingest_idle(w.ingest));
	struct tcp_conn late;
	fake_tcp_init(&late);
	CU_ASSERT_FALSE(dp_ingest_tcp_ops.accepted(w.ingest, &late));
	publisher_close(&pub1);
	publisher_close(&pub2);
	world_close(&w);
}

/* The end with a control that does not read: everything is given back all the same. */
static void test_destroy_unread(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "one", 128, 1448);
	reader_init(&reader, &w, slot);
	send_and_check(70000, 1, 0x17);
	publisher_open(&pub2, &w, "two", 128, 1448);
	dp_ingest_shutdown(w.ingest, w.now_us);
	publisher_close(&pub1);
	publisher_close(&pub2);
	CU_ASSERT_FALSE(dp_ingest_idle(w.ingest));
	world_set_tail(&w, slot, reader.position);
	world_poll(&w);
	CU_ASSERT_TRUE(dp_ingest_idle(w.ingest));
	dp_ingest_destroy(w.ingest);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(w.packets.pool), w.memory.packets);
	world_release(&w);
	world_open(&w);
	world_attach(&w);
	slot = publisher_go_live(&pub1, &w, "one", 128, 1448);
	reader_init(&reader, &w, slot);
	send_and_check(70000, 1, 0x17);
	fake_tcp_fini(&pub1.conn);
	dp_ingest_destroy(w.ingest);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(w.packets.pool), w.memory.packets);
	world_release(&w);
}

static void expect_header(const struct abi_header_block *b, uint32_t index, uint8_t kind,
			  const uint8_t *data, uint32_t len)
{
	const struct abi_header *h = &b->headers[index];

	CU_ASSERT_EQUAL(h->kind, kind);
	CU_ASSERT_EQUAL(h->length, len);
	CU_ASSERT_EQUAL(memcmp((const uint8_t *)b->data + h->offset, data, len), 0);
}

/* Metadata and sequence headers are found in the header block. */
static void test_headers(void)
{
	struct world w;
	static const uint8_t meta[] = "\x02\x00\x0a"
				      "onMetaData\x05";
	static const uint8_t avc[] = {0x17, 0, 0, 0, 0, 1, 2, 3, 4, 5};
	static const uint8_t aac[] = {0xAF, 0, 0x12, 0x10};
	struct abi_header_block *b;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 128, 1448);
	struct abi_stream *s = world_stream(&w, slot);
	CU_ASSERT_EQUAL(atomic_load(&s->header_block), ABI_LOG_NO_BLOCK);
	publisher_media(&pub1, RTMP_TYPE_DATA_AMF0, 4, 0, meta, sizeof(meta) - 1);
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 5, avc, sizeof(avc));
	publisher_media(&pub1, RTMP_TYPE_AUDIO, 4, 6, aac, sizeof(aac));
	publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, 7, avc, sizeof(avc) - 1);
	publisher_pump(&pub1);
	CU_ASSERT_EQUAL(atomic_load(&s->header_sequence) % 2, 0);
	CU_ASSERT_TRUE_FATAL(atomic_load(&s->header_block) < w.memory.log_blocks);
	b = (struct abi_header_block *)(void *)(w.pub_region.base + w.pub->blocks_offset) +
	    atomic_load(&s->header_block);
	CU_ASSERT_EQUAL(b->count, 3);
	expect_header(b, 0, ABI_HEADER_METADATA, meta, sizeof(meta) - 1);
	expect_header(b, 1, ABI_HEADER_VIDEO, avc, sizeof(avc) - 1);
	expect_header(b, 2, ABI_HEADER_AUDIO, aac, sizeof(aac));
	CU_ASSERT_EQUAL(b->headers[1].timestamp, 7);
	publisher_close(&pub1);
	world_close(&w);
}

/* A ring index that cannot be: nothing behind it is obeyed, each look at it is counted. */
static void expect_refused(struct world *w, uint64_t command_head)
{
	uint64_t head = atomic_load(&w->sub->command_head);
	uint64_t refused = world_count(w, DP_COUNTER_sub_refused);

	atomic_store(&w->sub->command_head, command_head);
	world_poll(w);
	CU_ASSERT_EQUAL(world_count(w, DP_COUNTER_sub_refused), refused + 1);
	atomic_store(&w->sub->command_head, head);
}

static void test_hostile_commands(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 128, 1448);
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	uint64_t head = atomic_load(&w.sub->command_head);
	expect_refused(&w, head + ABI_COMMAND_RING + 1);
	expect_refused(&w, head - 1);
	expect_refused(&w, UINT64_MAX);
	world_command(&w, ABI_COMMAND_END, event.slot, event.generation, 0, NULL);
	world_poll(&w);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sub_refused), 4);
	world_command(&w, ABI_COMMAND_ACCEPT, UINT32_MAX, event.generation, 0, NULL);
	world_command(&w, ABI_COMMAND_ACCEPT, w.memory.streams, event.generation, 0, NULL);
	world_command(&w, ABI_COMMAND_KICK, event.slot, event.generation, 0, NULL);
	world_poll(&w);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_commands_stale), 3);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_commands), 0);
	world_command(&w, ABI_COMMAND_REJECT, event.slot, event.generation, 99, NULL);
	world_poll(&w);
	publisher_pump(&pub1);
	CU_ASSERT_STRING_EQUAL(pub1.code, "NetStream.Publish.Denied");
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sub_refused), 5);
	publisher_close(&pub1);
	world_close(&w);
}

/* A name without an end, and one that is not there. */
static void test_hostile_name(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	publisher_open(&pub1, &w, "key", 128, 1448);
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	uint64_t head = atomic_load(&w.sub->command_head);
	world_command(&w, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, NULL);
	memset(w.sub->commands[head % ABI_COMMAND_RING].name, 'n', ABI_NAME_MAX);
	world_poll(&w);
	CU_ASSERT_EQUAL(strnlen(world_stream(&w, event.slot)->name, ABI_NAME_MAX),
			ABI_NAME_MAX - 1);
	publisher_close(&pub1);
	world_close(&w);
}

/* The tail that control left for the publication before says nothing about this one. */
static void test_tail_of_the_one_before(void)
{
	struct world w;

	world_init(&w);
	w.memory.streams = 1;
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	reader_init(&reader, &w, slot);
	for (uint32_t i = 0; i < 5; i++) {
		send_and_check(1000, i, 0x17);
	}
	world_set_tail(&w, slot, reader.position);
	publisher_close(&pub1);
	(void)world_expect(&w, ABI_EVENT_ENDED);
	CU_ASSERT_EQUAL(publisher_go_live(&pub1, &w, "key", 4096, 1448), slot);
	reader_init(&reader, &w, slot);
	for (uint32_t i = 0; i < 10; i++) {
		send_and_check(1000, i, 0x17);
	}
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->reclaimed), 0);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sub_refused), 0);
	publisher_close(&pub1);
	world_close(&w);
}

/* An empty publication that ended stays until control has seen it: it claims the tail. */
static void test_empty_publication(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	publisher_close(&pub1);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_ENDED);
	world_set_tail(&w, slot, 0);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_FREE);
	world_close(&w);
}

/* A relay that was stopped in the middle of a send goes on with what it was about to read. */
static void test_stopped_reader_keeps_its_log(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	reader_init(&reader, &w, slot);
	for (uint32_t i = 0; i < 5; i++) {
		send_and_check(1000, i, 0x17);
	}
	world_set_tail(&w, slot, 3);
	publisher_close(&pub1);
	w.now_us += 10 * PUBLISH_LINGER_US;
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_ENDED);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->reclaimed), 3);
	world_set_tail(&w, slot, reader.position);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_FREE);
	world_close(&w);
}

/* Every value of sub that could be a lie. */
static void test_hostile_sub(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 128, 1448);
	struct abi_stream *s = world_stream(&w, slot);
	srand(7);
	for (uint32_t i = 0; i < 3000; i++) {
		fill_video(i % 10 == 0 ? 0x17 : 0x27, 700, i);
		publisher_media(&pub1, RTMP_TYPE_VIDEO, 6, i, payload, 700);
		uint64_t head = atomic_load(&s->head);
		uint64_t lies[] = {0, head, head + 1, UINT64_MAX, (uint64_t)rand() % (head + 9), 1};
		atomic_store(&w.sub->tail[slot].generation, i % 3 ? 1 : (uint64_t)rand());
		atomic_store(&w.sub->tail[slot].position, lies[(uint32_t)rand() % 6]);
		atomic_store(&w.sub->event_tail, (uint64_t)rand() << 33 | (uint64_t)rand());
		atomic_store(&w.sub->news_sleeping, (uint32_t)rand());
		if (i % 100 == 0) {
			world_command(&w, (uint32_t)rand() % 2 ? 0 : 99, (uint32_t)rand(),
				      (uint64_t)rand(), (uint32_t)rand(), "x");
		}
		if (i % 100 == 50) {
			/* Never the pair that would be a proper kick or accept. */
			world_command(&w, ABI_COMMAND_ACCEPT + (uint32_t)rand() % 3,
				      (uint32_t)rand(), (uint64_t)rand() * 2, (uint32_t)rand(),
				      "x");
		}
		publisher_pump(&pub1);
		CU_ASSERT_TRUE_FATAL(!pub1.conn.gone);
		CU_ASSERT_TRUE(atomic_load(&s->reclaimed) <= atomic_load(&s->head));
	}
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_sub_refused) > 100);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_messages) > 1000);
	publisher_close(&pub1);
	world_close(&w);
}

/* As many half handshakes as there are buffers keep nobody out. */
static void test_half_handshakes(void)
{
	static struct tcp_conn slow[89]; /* 200 / 8 + 64 */
	struct world w;

	world_init(&w);
	w.memory.connections = 200;
	world_open(&w);
	world_attach(&w);
	for (uint32_t i = 0; i < RTE_DIM(slow); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w.packets.pool);

		memcpy(rte_pktmbuf_append(m, 2), "\3\0", 2);
		fake_tcp_init(&slow[i]);
		CU_ASSERT_TRUE_FATAL(dp_ingest_tcp_ops.accepted(w.ingest, &slow[i]));
		dp_ingest_tcp_ops.received(slow[i].user, &slow[i], m);
	}
	CU_ASSERT_FALSE(slow[0].aborted);
	(void)publisher_go_live(&pub1, &w, "key", 128, 1448);
	CU_ASSERT_TRUE(slow[0].aborted); /* the oldest of them made room, and no other */
	CU_ASSERT_FALSE(slow[1].aborted);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_buffers_taken_back), 1);
	for (uint32_t i = 0; i < RTE_DIM(slow); i++) {
		if (!slow[i].gone) {
			fake_tcp_gone(&slow[i]);
		}
		fake_tcp_fini(&slow[i]);
	}
	publisher_close(&pub1);
	world_close(&w);
}

/* Who reads no answer to the handshake pins two buffers of replies, and only for so long. */
static void test_unread_handshakes(void)
{
	static const uint8_t hello[1 + 1536] = {3};
	static struct tcp_conn silent[100];
	struct world w;

	world_init(&w);
	w.memory.connections = 200;
	world_open(&w);
	world_attach(&w);
	for (uint32_t i = 0; i < RTE_DIM(silent); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w.packets.pool);

		memcpy(rte_pktmbuf_append(m, sizeof(hello)), hello, sizeof(hello));
		fake_tcp_init(&silent[i]);
		silent[i].keeps = true;
		CU_ASSERT_TRUE_FATAL(dp_ingest_tcp_ops.accepted(w.ingest, &silent[i]));
		dp_ingest_tcp_ops.received(silent[i].user, &silent[i], m);
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(w.reply), 2 * RTE_DIM(silent));
	w.now_us += w.rtmp.handshake_timeout_s * UINT64_C(1000000);
	world_poll(&w);
	world_poll(&w); /* so many at a time */
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(w.reply), 0);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_handshake), RTE_DIM(silent));
	for (uint32_t i = 0; i < RTE_DIM(silent); i++) {
		CU_ASSERT_TRUE(silent[i].aborted);
		fake_tcp_fini(&silent[i]);
	}
	world_close(&w);
}

int main(void)
{
	world_start_eal();
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("session", NULL, NULL);
	CU_add_test(suite, "media at chunk and segment sizes", test_segment_sizes);
	CU_add_test(suite, "interleaved audio and video", test_interleaved);
	CU_add_test(suite, "media before the decision", test_early_media);
	CU_add_test(suite, "keyframe before the decision", test_early_keyframe);
	CU_add_test(suite, "packets before the decision", test_early_truesize);
	CU_add_test(suite, "promised before the decision", test_early_promise);
	CU_add_test(suite, "reject", test_reject);
	CU_add_test(suite, "no control", test_no_control);
	CU_add_test(suite, "kick", test_kick);
	CU_add_test(suite, "silence after the handshake", test_silence_after_handshake);
	CU_add_test(suite, "time limits", test_timeouts);
	CU_add_test(suite, "slots and sessions run out", test_slots_and_sessions_run_out);
	CU_add_test(suite, "replies cannot be sent", test_send_failure);
	CU_add_test(suite, "garbage", test_garbage);
	CU_add_test(suite, "log full", test_log_full);
	CU_add_test(suite, "control lost and back", test_control_lost_and_back);
	CU_add_test(suite, "the next control decides", test_next_control_decides);
	CU_add_test(suite, "unpublish", test_unpublish_and_again);
	CU_add_test(suite, "abort", test_abort);
	CU_add_test(suite, "packets run short", test_pressure);
	CU_add_test(suite, "events are not read", test_events_full);
	CU_add_test(suite, "shutdown", test_shutdown);
	CU_add_test(suite, "destroyed unread", test_destroy_unread);
	CU_add_test(suite, "headers", test_headers);
	CU_add_test(suite, "empty publication", test_empty_publication);
	CU_add_test(suite, "a stopped reader keeps its log", test_stopped_reader_keeps_its_log);
	CU_add_test(suite, "hostile sub", test_hostile_sub);
	CU_add_test(suite, "hostile commands", test_hostile_commands);
	CU_add_test(suite, "hostile name", test_hostile_name);
	CU_add_test(suite, "tail of the publication before", test_tail_of_the_one_before);
	CU_add_test(suite, "half handshakes", test_half_handshakes);
	CU_add_test(suite, "handshakes that nobody reads", test_unread_handshakes);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}
