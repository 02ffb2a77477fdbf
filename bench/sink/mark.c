#include "mark.h"

#include "crc32.h"
#include "rtmp/message.h"

#include <string.h>

#define MARK_MAGIC 0x4b52414du /* "MARK" */
#define WORD       8u

struct mark_bytes {
	uint32_t magic;
	uint32_t stream;
	uint32_t incarnation;
	uint32_t crc; /* of this struct with crc 0 */
	uint64_t number;
	uint64_t keyframe;
};

_Static_assert(sizeof(struct mark_bytes) == MARK_BYTES, "mark");

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

/* Differs between streams, between messages and between places in a message. */
static uint64_t filler(const struct mark *mark, uint32_t at)
{
	uint64_t seed = (uint64_t)mark->stream << 32 | (uint32_t)mark->number;

	return seed ^ ((at / WORD + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

void mark_write(const struct mark *mark, uint8_t *data, uint32_t len)
{
	struct mark_bytes bytes = {
		.magic = MARK_MAGIC,
		.stream = mark->stream,
		.incarnation = mark->incarnation,
		.number = mark->number,
		.keyframe = mark->keyframe,
	};

	bytes.crc = sink_crc32(0, &bytes, sizeof(bytes));
	memcpy(data, &bytes, sizeof(bytes));
	for (uint32_t at = MARK_BYTES; at < len; at += WORD) {
		uint64_t word = filler(mark, at);

		memcpy(data + at, &word, len - at < WORD ? len - at : WORD);
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
	uint32_t count = 0;

	for (uint32_t at = MARK_BYTES; at < len; at += WORD) {
		uint64_t word = filler(mark, at);
		uint32_t n = len - at < WORD ? len - at : WORD;

		if (memcmp(data + at, &word, n) != 0) {
			count += differing(data + at, (const uint8_t *)&word, n);
		}
	}
	return count;
}
