/*
 * Aggregates through a session: what is within reaches the log packet-exact, by reference, its gaps
 * closed like those of any message.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "publisher.h"
#include "rtmp/server.h"
#include "suite.h"

#define VIDEO 3000u
#define AUDIO 200u
#define TURNS 5u

static struct publisher pub;
static struct reader reader;
static uint8_t body[TURNS * (VIDEO + AUDIO + 30)];
static uint8_t payload[VIDEO];

static void fill(uint8_t first, uint32_t turn)
{
	for (uint32_t i = 0; i < VIDEO; i++) {
		payload[i] = (uint8_t)(turn * 31 + i * 3 + (i >> 8));
	}
	payload[0] = first;
	payload[1] = 1;
}

static uint32_t put(uint32_t at, uint8_t type, uint32_t time, uint32_t length)
{
	const uint8_t header[11] = {type, 0, (uint8_t)(length >> 8), (uint8_t)length,
				    0,    0, (uint8_t)time};

	memcpy(body + at, header, sizeof(header));
	memcpy(body + at + 11, payload, length);
	memset(body + at + 11 + length, 0, 4);
	return at + 11 + length + 4;
}

static uint32_t make_aggregate(void)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < TURNS; i++) {
		fill(0x17, i);
		len = put(len, RTMP_TYPE_VIDEO, 40 * i, VIDEO);
		len = put(len, RTMP_TYPE_AUDIO, 40 * i, AUDIO);
	}
	return len;
}

static void expect_log(uint32_t time)
{
	for (uint32_t i = 0; i < TURNS; i++) {
		fill(0x17, i);
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
		CU_ASSERT_EQUAL(reader.entry.type, RTMP_TYPE_VIDEO);
		CU_ASSERT_EQUAL(reader.entry.timestamp, time + 40 * i);
		CU_ASSERT_EQUAL_FATAL(reader.entry.length, VIDEO);
		CU_ASSERT_EQUAL(memcmp(reader.payload, payload, VIDEO), 0);
		CU_ASSERT_TRUE(reader.entry.flags & ABI_LOG_KEYFRAME);
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
		CU_ASSERT_EQUAL(reader.entry.type, RTMP_TYPE_AUDIO);
		CU_ASSERT_EQUAL_FATAL(reader.entry.length, AUDIO);
		CU_ASSERT_EQUAL(memcmp(reader.payload, payload, AUDIO), 0);
	}
	CU_ASSERT_FALSE(reader_next(&reader));
}

static void at_sizes(uint32_t chunk_size, uint32_t segment)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&pub, &w, "key", chunk_size, segment);
	reader_init(&reader, &w, slot);
	for (uint32_t time = 0; time < 3; time++) {
		uint32_t len = make_aggregate();

		publisher_media(&pub, RTMP_TYPE_AGGREGATE, 4, time, body, len);
		publisher_pump(&pub);
		expect_log(time);
		CU_ASSERT_EQUAL(pub.conn.held, 0);
	}
	if (chunk_size == 128 && segment > 400) {
		CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_pieces_joined) > TURNS * VIDEO / 200);
	}
	CU_ASSERT_EQUAL(dp_ingest_rtmp_notes(w.ingest)[RTMP_NOTE_AGGREGATE], 3);
	world_check_memory(&w);
	publisher_close(&pub);
	world_close(&w);
}

static void test_sizes(void)
{
	static const uint32_t chunks[] = {128, 131, 4096, 60000};
	static const uint32_t segments[] = {100, 536, 1448, 2048};

	for (uint32_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		for (uint32_t j = 0; j < sizeof(segments) / sizeof(segments[0]); j++) {
			at_sizes(chunks[i], segments[j]);
		}
	}
}

/* The connection ends in the middle of one. */
static void test_gone_in_the_middle(void)
{
	struct world w;

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	(void)publisher_go_live(&pub, &w, "key", 128, 1448);
	uint32_t len = make_aggregate();
	publisher_media(&pub, RTMP_TYPE_AGGREGATE, 4, 0, body, len);
	pub.out.len = 5000;
	publisher_pump(&pub);
	CU_ASSERT_TRUE(pub.conn.held > 0);
	publisher_close(&pub);
	world_close(&w);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"chunk and segment sizes", test_sizes},
		{"gone in the middle", test_gone_in_the_middle},
		{NULL, NULL},
	};

	world_start_eal();
	return suite_run("session_aggregate", tests);
}
