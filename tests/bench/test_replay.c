/*
 * The source of bench/replay: media that repeats itself, and a publisher that obeys the window and
 * goes back. EAL is started for mbufs only.
 */
#include <rte_mbuf.h>
#include <string.h>

#include "bench/replay_src/flow.h"
#include "tests/dataplane/suite.h"
#include "tests/fuzz/eal.h"

#define LAPS 3u

static struct rte_mempool *pool;

/* What a reader makes of `length` bytes of the stream, in segments. */
static uint64_t read_messages(const struct stream *stream, uint32_t chunk_size, uint64_t length)
{
	struct rtmp_chunk_reader reader;
	struct rtmp_piece piece;
	struct rtmp_control control;
	uint64_t messages = 0;
	uint32_t run;

	rtmp_chunk_reader_init(&reader, 1 << 20);
	reader.chunk_size = chunk_size;
	for (uint64_t at = 0; at < length; at += run) {
		uint8_t segment[FLOW_SEGMENT];
		const uint8_t *bytes = stream_at(stream, at, &run);
		int rc;

		run = length - at < run ? (uint32_t)(length - at) : run;
		memcpy(segment, bytes, run);
		struct rtmp_span span = {.data = segment, .len = run};
		while ((rc = rtmp_chunk_reader_next(&reader, &span, &piece, &control)) > 0) {
			CU_ASSERT_EQUAL_FATAL(rc, RTMP_READ_PIECE);
			messages += piece.last;
		}
		CU_ASSERT_EQUAL_FATAL(rc, RTMP_READ_MORE);
	}
	return messages;
}

static void laps_repeat(void)
{
	static const uint32_t chunk_sizes[] = {128, 129, 1447, 4096, 60000};

	for (size_t i = 0; i < RTE_DIM(chunk_sizes); i++) {
		struct stream stream;

		CU_ASSERT_EQUAL_FATAL(stream_init(&stream, chunk_sizes[i], 4096, FLOW_SEGMENT), 0);
		CU_ASSERT_EQUAL(stream.lap_length % FLOW_SEGMENT, 0);
		uint64_t end = stream.prefix_length + (uint64_t)LAPS * stream.lap_length;
		uint64_t messages = 3 + (1 + LAPS) * UINT64_C(2) * STREAM_FRAMES;
		CU_ASSERT_EQUAL(stream_messages(&stream, end), messages);
		CU_ASSERT_EQUAL(stream_messages(&stream, end - 1), messages - 1);
		CU_ASSERT_EQUAL(read_messages(&stream, chunk_sizes[i], end), messages);
		CU_ASSERT_EQUAL(read_messages(&stream, chunk_sizes[i], end - 1), messages - 1);
		stream_fini(&stream);
	}
}

static void alloc_frames(struct rte_mbuf **frames, uint32_t count)
{
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_alloc_bulk(pool, frames, count), 0);
}

static void acknowledge(struct flow *flow, uint32_t ack, uint16_t window,
			const struct flow_time *time)
{
	const struct rte_tcp_hdr tcp = {
		.recv_ack = rte_cpu_to_be_32(ack),
		.data_off = 5 << 4,
		.tcp_flags = RTE_TCP_ACK_FLAG,
		.rx_win = rte_cpu_to_be_16(window),
	};

	flow_take(flow, &tcp, NULL, 0, time);
}

/*
 * Eight segments wanted, room for three; two of them acknowledged; nothing more for too long:
 *
 *   1448 * 0   1   2   3
 *        |---|---|---|        sent
 *                ^ una        ... and sent again from here
 */
static void window_and_going_back(void)
{
	struct rte_mbuf *frames[8];
	struct stream stream;
	static struct flow flow;
	struct flow_time time = {.tsc = 1000, .timeout_tsc = 100};

	CU_ASSERT_EQUAL_FATAL(stream_init(&stream, 4096, 4096, FLOW_SEGMENT), 0);
	flow_init(&flow, &(struct flow_config){.port = 20000, .chunk_size = 4096});
	uint32_t iss = flow.snd_una;
	alloc_frames(frames, 8);
	acknowledge(&flow, iss, 3 * FLOW_SEGMENT, &time);
	CU_ASSERT_EQUAL(flow_put_media(&flow, &stream, frames, 8, &time), 3);
	CU_ASSERT_EQUAL(frames[0]->pkt_len, sizeof(struct flow_headers) + FLOW_SEGMENT);
	CU_ASSERT_EQUAL(
		memcmp(rte_pktmbuf_mtod_offset(frames[1], void *, sizeof(struct flow_headers)),
		       stream.bytes + FLOW_SEGMENT, FLOW_SEGMENT),
		0);
	CU_ASSERT_EQUAL(flow_put_media(&flow, &stream, frames, 8, &time), 0);
	time.tsc += 50;
	acknowledge(&flow, iss + 2 * FLOW_SEGMENT, FLOW_SEGMENT, &time);
	CU_ASSERT_EQUAL(flow_acknowledged(&flow), UINT64_C(2) * FLOW_SEGMENT);
	time.tsc += 100;
	CU_ASSERT_EQUAL(flow_put_media(&flow, &stream, frames, 8, &time), 0);
	CU_ASSERT_EQUAL(flow.rewinds, 0);
	time.tsc += 1;
	CU_ASSERT_EQUAL(flow_put_media(&flow, &stream, frames, 8, &time), 1);
	CU_ASSERT_EQUAL(flow.rewinds, 1);
	CU_ASSERT_EQUAL(flow.position, UINT64_C(3) * FLOW_SEGMENT);
	rte_pktmbuf_free_bulk(frames, 8);
	stream_fini(&stream);
}

/* A peer's RST is final; its FIN is answered with one. */
static void endings(void)
{
	struct rte_mbuf *frame;
	static struct flow flow;
	struct rte_tcp_hdr tcp = {.data_off = 5 << 4, .tcp_flags = RTE_TCP_FIN_FLAG};
	const struct flow_time time = {.timeout_tsc = 100};

	flow_init_free_running(&flow, &(struct flow_config){.port = 20000});
	alloc_frames(&frame, 1);
	flow_take(&flow, &tcp, NULL, 0, &time);
	CU_ASSERT_EQUAL(flow.state, FLOW_FAILED);
	CU_ASSERT_EQUAL(flow_put_setup(&flow, &frame, 1, &time), 1);
	CU_ASSERT_EQUAL(rte_pktmbuf_mtod(frame, struct flow_headers *)->tcp.tcp_flags,
			RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG);
	CU_ASSERT_EQUAL(flow_put_setup(&flow, &frame, 1, &time), 0);
	rte_pktmbuf_free(frame);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"laps repeat", laps_repeat},
		{"window, and going back", window_and_going_back},
		{"endings", endings},
		{NULL, NULL},
	};

	fuzz_start_eal();
	pool = fuzz_pool("frames", RTE_PKTMBUF_HEADROOM + 2048);
	return suite_run("replay", tests);
}
