#include "bench/common/mark.h"

#include "bench/common/crc32.h"
#include "bench/common/rng.h"
#include "rtmp/message.h"

#include <string.h>

#define MARK_MAGIC 0x4b52414du /* "MARK" */
#define STEP       40503u      /* odd: all 65536 starts come before one comes again */

struct mark_bytes {
	uint32_t magic;
	uint32_t stream;
	uint32_t incarnation;
	uint32_t crc; /* of this struct with crc 0 */
	uint64_t number;
	uint64_t keyframe;
	uint64_t sent_ns;
};

static uint8_t pattern[MARK_PATTERN];

_Static_assert(sizeof(struct mark_bytes) == MARK_BYTES, "mark");

void mark_init(void)
{
	uint64_t state = 1;

	sink_crc32_init();
	for (uint32_t at = 0; at < MARK_PERIOD; at += sizeof(state)) {
		uint64_t word = rng_next(&state);

		memcpy(pattern + at, &word, sizeof(word));
	}
	memcpy(pattern + MARK_PERIOD, pattern, MARK_PERIOD);
}

const uint8_t *mark_pattern(void)
{
	return pattern;
}

uint32_t mark_stream(const char *name)
{
	return sink_crc32(0, name, strcspn(name, "?"));
}

uint32_t mark_offset(uint8_t type, uint32_t len)
{
	uint32_t offset = type == RTMP_TYPE_VIDEO ? MARK_VIDEO : MARK_AUDIO;

	if (len < offset + MARK_BYTES) {
		return UINT32_MAX;
	}
	return type == RTMP_TYPE_VIDEO || type == RTMP_TYPE_AUDIO ? offset : len - MARK_BYTES;
}

/* Differs between streams and between messages that follow each other. */
uint32_t mark_start(const struct mark *mark)
{
	return ((uint32_t)rng_mix(mark->stream) + (uint32_t)mark->number * STEP) % MARK_PERIOD;
}

void mark_write_head(const struct mark *mark, uint8_t data[MARK_BYTES])
{
	struct mark_bytes bytes = {
		.magic = MARK_MAGIC,
		.stream = mark->stream,
		.incarnation = mark->incarnation,
		.number = mark->number,
		.keyframe = mark->keyframe,
		.sent_ns = mark->sent_ns,
	};

	bytes.crc = sink_crc32(0, &bytes, sizeof(bytes));
	memcpy(data, &bytes, sizeof(bytes));
}

/* Bytes of filler from `at` on that lie in one piece in the pattern. */
static uint32_t filler(const struct mark *mark, uint32_t at, uint32_t len, const uint8_t **data)
{
	*data = pattern + (mark_start(mark) + at) % MARK_PERIOD;
	return len - at < MARK_PERIOD ? len - at : MARK_PERIOD;
}

void mark_write(const struct mark *mark, uint8_t *data, uint32_t len)
{
	const uint8_t *from;

	mark_write_head(mark, data);
	for (uint32_t at = MARK_BYTES, n; at < len; at += n) {
		n = filler(mark, at, len, &from);
		memcpy(data + at, from, n);
	}
}

bool mark_read(struct mark *mark, const uint8_t *data, uint32_t len)
{
	struct mark_bytes bytes;

	if (len < sizeof(bytes)) {
		return false;
	}
	memcpy(&bytes, data, sizeof(bytes));
	uint32_t crc = bytes.crc;
	bytes.crc = 0;
	if (bytes.magic != MARK_MAGIC || sink_crc32(0, &bytes, sizeof(bytes)) != crc) {
		return false;
	}
	*mark = (struct mark){
		.stream = bytes.stream,
		.incarnation = bytes.incarnation,
		.number = bytes.number,
		.keyframe = bytes.keyframe,
		.sent_ns = bytes.sent_ns,
	};
	return true;
}

static uint32_t differing(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < len; i++) {
		count += a[i] != b[i];
	}
	return count;
}

uint32_t mark_foreign_bytes(const struct mark *mark, const uint8_t *data, uint32_t len)
{
	const uint8_t *own;
	uint32_t count = 0;

	for (uint32_t at = MARK_BYTES, n; at < len; at += n) {
		n = filler(mark, at, len, &own);
		if (memcmp(data + at, own, n) != 0) {
			count += differing(data + at, own, n);
		}
	}
	return count;
}
