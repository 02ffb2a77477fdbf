/*
 * The chunk reader alone, by chunks that lie whole in one span: what a chunk costs, whatever its
 * size, since payload is stepped over. Messages of eight chunks, as encoders make them: a header of
 * fmt 1, seven of fmt 3. What a segment's end costs is in case_rtmp.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro_src/micro.h"
#include "rtmp/chunk_reader.h"

#define MESSAGES       4u
#define MESSAGE_CHUNKS 8u
#define CHUNKS         (MESSAGES * MESSAGE_CHUNKS)
#define HEADER         8u /* of fmt 1 */
#define LAPS           8u /* in a sample */

static struct rtmp_chunk_reader reader;
static uint8_t *bytes;
static uint32_t len;

static uint8_t *put_header(uint8_t *to, uint32_t message_length)
{
	const uint8_t header[HEADER] = {
		0x40 | 6,
		0,
		0,
		40,
		(uint8_t)(message_length >> 16),
		(uint8_t)(message_length >> 8),
		(uint8_t)message_length,
		RTMP_TYPE_VIDEO,
	};

	memcpy(to, header, sizeof(header));
	return to + sizeof(header);
}

static int open_chunks(uint32_t chunk_size)
{
	uint8_t *to;

	len = CHUNKS * (chunk_size + 1) + MESSAGES * (HEADER - 1);
	bytes = calloc(1, len);
	if (!bytes) {
		return -ENOMEM;
	}
	to = bytes;
	for (uint32_t i = 0; i < CHUNKS; i++) {
		if (i % MESSAGE_CHUNKS == 0) {
			to = put_header(to, MESSAGE_CHUNKS * chunk_size);
		} else {
			*to++ = 0xc0 | 6;
		}
		to += chunk_size;
	}
	rtmp_chunk_reader_init(&reader, 1 << 20);
	reader.chunk_size = chunk_size;
	return 0;
}

static void close_chunks(void)
{
	free(bytes);
}

static uint32_t read_lap(void)
{
	struct rtmp_span in = {.data = bytes, .len = len};
	struct rtmp_control control;
	struct rtmp_piece piece;
	uint32_t pieces = 0;

	while (rtmp_chunk_reader_next(&reader, &in, &piece, &control) == RTMP_READ_PIECE) {
		pieces++;
	}
	return pieces;
}

static void read_chunks(struct micro_count *count)
{
	for (uint32_t i = 0; i < LAPS; i++) {
		micro_begin();
		uint32_t pieces = read_lap();
		micro_end();
		MICRO_REQUIRE(pieces == CHUNKS);
	}
	count->operations = (uint64_t)LAPS * MESSAGES * MESSAGE_CHUNKS;
	count->bytes = (uint64_t)LAPS * len;
}

/* What continues a piece comes as a run, as the worker takes it. */
static uint32_t read_lap_in_runs(void)
{
	struct rtmp_span in = {.data = bytes, .len = len};
	struct rtmp_control control;
	struct rtmp_piece piece;
	struct rtmp_run run;
	uint32_t chunks = 0;

	while (rtmp_chunk_reader_next(&reader, &in, &piece, &control) == RTMP_READ_PIECE) {
		chunks++;
		if (!piece.last && rtmp_chunk_reader_run(&reader, &in, UINT32_MAX, &run)) {
			chunks += run.chunks;
		}
	}
	return chunks;
}

static void read_runs(struct micro_count *count)
{
	for (uint32_t i = 0; i < LAPS; i++) {
		micro_begin();
		uint32_t chunks = read_lap_in_runs();
		micro_end();
		MICRO_REQUIRE(chunks == CHUNKS);
	}
	count->operations = (uint64_t)LAPS * MESSAGES * MESSAGE_CHUNKS;
	count->bytes = (uint64_t)LAPS * len;
}

const struct micro_case micro_chunk_cases[] = {
	{"rtmp/chunks-128", "chunk", 128, open_chunks, read_chunks, close_chunks},
	{"rtmp/chunks-4096", "chunk", 4096, open_chunks, read_chunks, close_chunks},
	{"rtmp/chunks-60000", "chunk", 60000, open_chunks, read_chunks, close_chunks},
	{"rtmp/chunks-in-runs-128", "chunk", 128, open_chunks, read_runs, close_chunks},
	{.name = NULL},
};
