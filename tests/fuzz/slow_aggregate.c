#include "slow_aggregate.h"

#include "rtmp/error.h"
#include "rtmp/message.h"

#define TAG_HEADER   11u
#define BACK_POINTER 4u

static bool is_media(uint8_t type)
{
	switch (type) {
	case RTMP_TYPE_AUDIO:
	case RTMP_TYPE_VIDEO:
	case RTMP_TYPE_DATA_AMF0:
	case RTMP_TYPE_DATA_AMF3:
		return true;
	default:
		return false;
	}
}

static uint32_t tag_length(const uint8_t *tag)
{
	return (uint32_t)tag[1] << 16 | (uint32_t)tag[2] << 8 | tag[3];
}

/* FLV: 24 bits, and the upper 8 behind them. */
static uint32_t tag_time(const uint8_t *tag)
{
	return (uint32_t)tag[7] << 24 | (uint32_t)tag[4] << 16 | (uint32_t)tag[5] << 8 | tag[6];
}

static uint32_t back_pointer(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void tell(const struct slow_message *aggregate, uint32_t at,
		 const struct slow_within *within)
{
	const uint8_t *tag = aggregate->payload + at;
	struct slow_message message = {
		.csid = aggregate->csid,
		.timestamp = aggregate->timestamp + tag_time(tag) - tag_time(aggregate->payload),
		.length = tag_length(tag),
		.stream_id = aggregate->stream_id,
		.type = tag[0],
		.payload = tag + TAG_HEADER,
	};

	if (is_media(message.type)) {
		within->message(within->context, &message);
	} else {
		within->skipped(within->context);
	}
}

int slow_aggregate(const struct slow_message *aggregate, const struct slow_within *within)
{
	uint32_t at = 0;

	while (at < aggregate->length) {
		const uint8_t *tag = aggregate->payload + at;
		uint32_t left = aggregate->length - at;

		if (left < TAG_HEADER || tag_length(tag) > left - TAG_HEADER) {
			return RTMP_ERR(AGGREGATE);
		}
		tell(aggregate, at, within);
		at += TAG_HEADER + tag_length(tag);
		left = aggregate->length - at;
		if (left == 0) {
			break; /* the last back pointer may be missing */
		}
		if (left < BACK_POINTER) {
			return RTMP_ERR(AGGREGATE);
		}
		if (back_pointer(aggregate->payload + at) != TAG_HEADER + tag_length(tag)) {
			within->mismatch(within->context);
		}
		at += BACK_POINTER;
	}
	return 0;
}
