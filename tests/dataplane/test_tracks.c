/*
 * Messages of several tracks: what their log entries say, which headers are kept, and at whose
 * keyframes GOPs begin.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "publisher.h"
#include "rtmp/message.h"
#include "suite.h"

static struct world w;
static struct publisher publisher;
static struct reader reader;
static uint32_t slot;

static void open_all(void)
{
	world_init(&w);
	world_open(&w);
	world_attach(&w);
	slot = publisher_go_live(&publisher, &w, "cam", 4096, 1448);
	reader_init(&reader, &w, slot);
}

static void close_all(void)
{
	publisher_close(&publisher);
	world_close(&w);
}

/* Sends a message and reads its entry. */
static const struct abi_log_entry *entry_of(uint8_t type, const void *bytes, uint32_t len)
{
	publisher_media(&publisher, type, 6, 0, bytes, len);
	publisher_pump(&publisher);
	CU_ASSERT_TRUE_FATAL(reader_next(&reader));
	CU_ASSERT_EQUAL(reader.entry.length, len);
	CU_ASSERT_EQUAL(memcmp(reader.payload, bytes, len), 0);
	return &reader.entry;
}

#define ENTRY_OF(type, bytes) entry_of(type, bytes, sizeof(bytes) - 1)

static bool begins_gop(const char *bytes, uint32_t len)
{
	return (entry_of(RTMP_TYPE_VIDEO, bytes, len)->flags & ABI_LOG_KEYFRAME) != 0;
}

#define BEGINS_GOP(bytes) begins_gop(bytes, sizeof(bytes) - 1)

static struct abi_header_block *headers(void)
{
	uint32_t block = atomic_load(&world_stream(&w, slot)->header_block);

	CU_ASSERT_TRUE_FATAL(block < w.memory.log_blocks);
	return (struct abi_header_block *)(void *)(w.pub_region.base + w.pub->blocks_offset) +
	       block;
}

static void expect(uint32_t index, uint8_t kind, uint8_t track, const char *bytes, uint32_t len)
{
	const struct abi_header_block *b = headers();
	const struct abi_header *h = &b->headers[index];

	CU_ASSERT_FATAL(index < b->count);
	CU_ASSERT_EQUAL(h->kind, kind);
	CU_ASSERT_EQUAL(h->track, track);
	CU_ASSERT_EQUAL(h->length, len);
	CU_ASSERT_EQUAL(memcmp((const uint8_t *)b->data + h->offset, bytes, len), 0);
}

#define EXPECT(index, kind, track, bytes) expect(index, kind, track, bytes, sizeof(bytes) - 1)

static void test_entries(void)
{
	const struct abi_log_entry *e;

	open_all();
	e = ENTRY_OF(RTMP_TYPE_VIDEO, "\x96\x00hvc1\x03x");
	CU_ASSERT(e->header == ABI_HEADER_VIDEO && e->track == 3);
	CU_ASSERT_EQUAL(e->flags, ABI_LOG_SEQUENCE_HEADER | ABI_LOG_ENTRY);
	e = ENTRY_OF(RTMP_TYPE_VIDEO, "\x96\x10hvc1\x02\x00\x00\x01x");
	CU_ASSERT(e->header == ABI_HEADER_VIDEO && e->track == 2);
	CU_ASSERT(e->flags & ABI_LOG_TRACKS);
	e = ENTRY_OF(RTMP_TYPE_VIDEO, "\x94hvc1\x02");
	CU_ASSERT(e->header == ABI_HEADER_VIDEO_META && e->track == 0);
	e = ENTRY_OF(RTMP_TYPE_AUDIO, "\x94mp4a\x01\x02\x00\x00\x00\x03");
	CU_ASSERT_EQUAL(e->header, ABI_HEADER_CHANNELS);
	e = ENTRY_OF(RTMP_TYPE_AUDIO, "\xaf\x00\x12\x10");
	CU_ASSERT_EQUAL(e->header, ABI_HEADER_AUDIO);
	e = ENTRY_OF(RTMP_TYPE_AUDIO, "\xaf\x01\x12\x10");
	CU_ASSERT_EQUAL(e->header, ABI_HEADER_NONE);
	close_all();
}

/* By kind, one of each track, the newest last. */
static void test_headers_of_tracks(void)
{
	open_all();
	(void)ENTRY_OF(RTMP_TYPE_VIDEO, "\x90hvc1"
					"a");
	(void)ENTRY_OF(RTMP_TYPE_VIDEO, "\x96\x00hvc1\x01"
					"bb");
	(void)ENTRY_OF(RTMP_TYPE_AUDIO, "\x90mp4a"
					"c");
	(void)ENTRY_OF(RTMP_TYPE_VIDEO, "\x96\x10hvc1\x01\x00\x00\x01"
					"d");
	(void)ENTRY_OF(RTMP_TYPE_VIDEO, "\x94hvc1"
					"e");
	(void)ENTRY_OF(RTMP_TYPE_VIDEO, "\x96\x00\x61v01\x01"
					"ff");
	CU_ASSERT_EQUAL(headers()->count, 5);
	EXPECT(0, ABI_HEADER_VIDEO, 0,
	       "\x90hvc1"
	       "a");
	EXPECT(1, ABI_HEADER_VIDEO, 1,
	       "\x96\x10hvc1\x01\x00\x00\x01"
	       "d");
	EXPECT(2, ABI_HEADER_VIDEO, 1,
	       "\x96\x00\x61v01\x01"
	       "ff");
	EXPECT(3, ABI_HEADER_AUDIO, 0,
	       "\x90mp4a"
	       "c");
	EXPECT(4, ABI_HEADER_VIDEO_META, 0,
	       "\x94hvc1"
	       "e");
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_headers_left_out), 0);
	close_all();
}

/* More tracks than there is room for, and headers longer than it: counted, and the rest stays. */
static void test_too_many_headers(void)
{
	static char large[4000] = "\x90hvc1";
	char header[] = "\x96\x00hvc1\x00x";

	open_all();
	for (uint32_t i = 0; i < 256; i++) {
		header[6] = (char)i;
		(void)ENTRY_OF(RTMP_TYPE_VIDEO, header);
	}
	CU_ASSERT_EQUAL(headers()->count, ABI_HEADERS_MAX);
	CU_ASSERT_EQUAL(headers()->headers[ABI_HEADERS_MAX - 1].track, ABI_HEADERS_MAX - 1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_headers_left_out), 256 - ABI_HEADERS_MAX);
	/* What was in force is not any more. */
	(void)entry_of(RTMP_TYPE_VIDEO, large, sizeof(large));
	CU_ASSERT_EQUAL(headers()->count, ABI_HEADERS_MAX - 1);
	CU_ASSERT_EQUAL(headers()->headers[0].track, 1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_headers_left_out), 257 - ABI_HEADERS_MAX);
	close_all();
}

static void test_gops(void)
{
	open_all();
	/* Only that track so far. */
	CU_ASSERT_TRUE(BEGINS_GOP("\x96\x01hvc1\x05\x00\x00\x00x"));
	CU_ASSERT_TRUE(BEGINS_GOP("\x96\x01hvc1\x05\x00\x00\x00x"));
	CU_ASSERT_FALSE(BEGINS_GOP("\x96\x01hvc1\x06\x00\x00\x00x"));
	CU_ASSERT_TRUE(BEGINS_GOP("\x96\x01hvc1\x02\x00\x00\x00x"));
	CU_ASSERT_FALSE(BEGINS_GOP("\x96\x01hvc1\x05\x00\x00\x00x"));
	CU_ASSERT_TRUE(BEGINS_GOP("\x91hvc1\x00\x00\x00x"));
	CU_ASSERT_FALSE(BEGINS_GOP("\x96\x01hvc1\x02\x00\x00\x00x"));
	CU_ASSERT_TRUE(BEGINS_GOP("\x17\x01\x00\x00\x00x"));
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->keyframes), 5);
	close_all();
}

/* ModEx data before the packet type, longer than what messages keep of their beginning. */
static void test_long_head(void)
{
	static const char hevc[4] = {'h', 'v', 'c', '1'};
	char frame[1100] = {(char)0x97, (char)0xff, 0x03, 0x20, [804 + 1] = 0x01};

	open_all();
	memcpy(frame + 806, hevc, sizeof(hevc));
	CU_ASSERT_TRUE(begins_gop(frame, sizeof(frame)));
	frame[2] = 0x04; /* now it would be beyond 1 KiB: that is far enough */
	CU_ASSERT_FALSE(begins_gop(frame, sizeof(frame)));
	close_all();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"entries", test_entries},
		{"headers of tracks", test_headers_of_tracks},
		{"more headers than room", test_too_many_headers},
		{"whose keyframes begin GOPs", test_gops},
		{"a head longer than most", test_long_head},
		{NULL, NULL},
	};

	world_start_eal();
	return suite_run("tracks", tests);
}
