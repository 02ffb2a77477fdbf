/*
 * The chunk reader on segments, and what becomes of its pieces: messages by reference, gaps closed.
 */
#include <errno.h>
#include <string.h>

#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"
#include "dataplane/message.h"
#include "rtmp/chunk_reader.h"

#define MESSAGE    4096u /* bytes, or one chunk when that is longer */
#define PIECES_MAX 1024u

static struct stream stream;
static struct rtmp_chunk_reader reader;
static uint64_t position;

/* A piece as the reader gave it, and where it lies. */
struct kept {
	struct rtmp_piece piece;
	struct rtmp_message msg;
	struct rte_mbuf *mbuf;
	struct rtmp_run run; /* what follows on it; chunks is 0 when there is none */
};

static struct kept kept[PIECES_MAX];
static uint32_t kept_count;
static struct dp_counters counters;
static struct message_pool pool;
static struct message_set set;

static int open_reader(uint32_t chunk_size)
{
	rtmp_chunk_reader_init(&reader, 1 << 20);
	reader.chunk_size = chunk_size;
	position = 0;
	return stream_init(&stream, chunk_size, RTE_MAX(MESSAGE, chunk_size), FLOW_SEGMENT);
}

static void close_reader(void)
{
	stream_fini(&stream);
}

/* Pieces of a span; what else it holds is no media. */
static uint32_t read_span(struct rtmp_span *span)
{
	struct rtmp_piece piece;
	struct rtmp_control control;
	uint32_t pieces = 0;

	while (rtmp_chunk_reader_next(&reader, span, &piece, &control) == RTMP_READ_PIECE) {
		pieces++;
	}
	return pieces;
}

/* 32 segments. A chunk that a segment's end cuts counts as two: it comes in two pieces. */
static void read_segments(struct micro_count *count)
{
	struct rtmp_span spans[PLANT_BURST];

	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		uint32_t length;
		const uint8_t *bytes = stream_at(&stream, position, &length);

		spans[i] = (struct rtmp_span){.data = (uint8_t *)(uintptr_t)bytes, .len = length};
		position += length;
		count->bytes += length;
	}
	micro_begin();
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		count->operations += read_span(&spans[i]);
	}
	micro_end();
}

static int open_messages(uint32_t chunk_size)
{
	int err = message_pool_init(&pool, 1024, plant_worker()->numa_node, &plant.rig.packets, 0,
				    &counters);

	if (err < 0) {
		return err;
	}
	message_set_init(&set, &pool, 4 << 20, 4 << 20);
	return open_reader(chunk_size);
}

static void close_messages(void)
{
	message_set_clear(&set);
	message_pool_fini(&pool);
	close_reader();
}

static void keep_pieces(struct rte_mbuf *mbuf, bool runs)
{
	struct rtmp_span span = {
		.data = rte_pktmbuf_mtod(mbuf, uint8_t *), .len = mbuf->data_len, .owner = mbuf};
	struct rtmp_control control;
	struct kept *k = &kept[kept_count];

	while (rtmp_chunk_reader_next(&reader, &span, &k->piece, &control) == RTMP_READ_PIECE) {
		k->msg = *k->piece.msg;
		k->piece.msg = &k->msg;
		k->mbuf = mbuf;
		if (k->piece.last || !runs ||
		    !rtmp_chunk_reader_run(&reader, &span, MESSAGE_JOIN_MAX, &k->run)) {
			k->run.chunks = 0;
		}
		MICRO_REQUIRE(++kept_count < PIECES_MAX);
		k = &kept[kept_count];
	}
}

static void fill_segments(struct rte_mbuf **mbufs, bool runs, struct micro_count *count)
{
	plant_alloc(mbufs, PLANT_BURST);
	kept_count = 0;
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		uint32_t length;
		const uint8_t *bytes = stream_at(&stream, position, &length);

		memcpy(rte_pktmbuf_append(mbufs[i], (uint16_t)length), bytes, length);
		keep_pieces(mbufs[i], runs);
		position += length;
		count->bytes += length;
	}
}

/* Every message is given back as soon as it is complete, in place of being published. */
static void add_pieces(struct micro_count *count)
{
	struct rte_mbuf *mbufs[PLANT_BURST];

	fill_segments(mbufs, false, count);
	micro_begin();
	for (uint32_t i = 0; i < kept_count; i++) {
		message_add(&set, &kept[i].piece, kept[i].mbuf, true);
		if (kept[i].piece.last) {
			message_drop(&set, kept[i].piece.slot);
		}
	}
	micro_end();
	count->operations = kept_count;
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		message_segment_done(&pool, mbufs[i]);
	}
}

/* The same with all that continues a piece at once, as the worker does at small chunk sizes. */
static void add_runs(struct micro_count *count)
{
	struct rte_mbuf *mbufs[PLANT_BURST];

	fill_segments(mbufs, true, count);
	micro_begin();
	for (uint32_t i = 0; i < kept_count; i++) {
		const struct kept *k = &kept[i];

		message_add(&set, &k->piece, k->mbuf, true);
		if (k->run.chunks != 0) {
			MICRO_REQUIRE(message_is_open(&set, k->piece.slot, k->mbuf, true));
			message_extend(&set, k->piece.slot, &k->run);
		}
		if (k->piece.last || (k->run.chunks != 0 && k->run.last)) {
			message_drop(&set, k->piece.slot);
		}
	}
	micro_end();
	for (uint32_t i = 0; i < kept_count; i++) {
		count->operations += 1 + kept[i].run.chunks;
	}
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		message_segment_done(&pool, mbufs[i]);
	}
}

const struct micro_case micro_rtmp_cases[] = {
	{"rtmp/chunk-reader-128", "piece", 128, open_reader, read_segments, close_reader},
	{"rtmp/chunk-reader-4096", "piece", 4096, open_reader, read_segments, close_reader},
	{"rtmp/chunk-reader-60000", "piece", 60000, open_reader, read_segments, close_reader},
	{"message/gap-closing-128", "piece", 128, open_messages, add_pieces, close_messages},
	{"message/gap-closing-runs", "chunk", 128, open_messages, add_runs, close_messages},
	{"message/pieces-4096", "piece", 4096, open_messages, add_pieces, close_messages},
	{.name = NULL},
};
