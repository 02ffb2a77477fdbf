/*
 * AMF0 reader: every value skipped, every object entered, and classification of the same bytes.
 */
#include "rtmp/amf0.h"
#include "rtmp/amf3.h"
#include "rtmp/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void skip_all(const uint8_t *data, size_t size)
{
	struct amf0_reader r;

	amf0_reader_init(&r, data, size);
	while (amf0_peek(&r) >= 0) {
		const uint8_t *before = r.at;

		amf0_skip(&r);
		if (!r.error && (r.at <= before || r.at > r.end)) {
			abort();
		}
	}
}

static void enter_all(const uint8_t *data, size_t size)
{
	struct amf0_string name, value;
	struct amf0_reader r;
	struct amf3_reader amf3;
	uint64_t sum = 0;

	amf0_reader_init(&r, data, size);
	amf3_reader_init(&amf3, data, size);
	r.amf3 = &amf3;
	amf0_enter(&r);
	while (amf0_next_property(&r, &name)) {
		for (uint32_t i = 0; i < name.len; i++) {
			sum += (uint8_t)name.data[i];
		}
		switch (amf0_peek(&r)) {
		case AMF0_STRING:
		case AMF0_LONG_STRING:
			value = amf0_read_string(&r);
			sum += value.len != 0 ? (uint8_t)value.data[value.len - 1] : 0;
			break;
		case AMF0_NUMBER:
			sum += amf0_read_number(&r) == 0;
			break;
		case AMF0_BOOLEAN:
			sum += amf0_read_boolean(&r);
			break;
		case AMF0_OBJECT:
		case AMF0_ECMA_ARRAY:
			amf0_enter(&r);
			break;
		default:
			amf0_skip(&r);
			break;
		}
	}
	if (sum == UINT64_MAX) {
		abort(); /* cannot be; keeps the sum */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	skip_all(data, size);
	enter_all(data, size);
	for (uint8_t type = 0; type < 23; type++) {
		struct rtmp_class c = rtmp_classify(type, data, (uint32_t)size);

		if (c.flags > 31 || c.header >= RTMP_HEADER_KINDS ||
		    ((c.flags & RTMP_MEDIA_KEYFRAME) && type != RTMP_TYPE_VIDEO)) {
			abort();
		}
	}
	return 0;
}
