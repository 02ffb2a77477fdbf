#include "record.h"

#include "bench/common/crc32.h"

static enum record_kind kind_of(uint8_t type)
{
	switch (type) {
	case RTMP_TYPE_AUDIO:
		return RECORD_AUDIO;
	case RTMP_TYPE_VIDEO:
		return RECORD_VIDEO;
	case RTMP_TYPE_DATA_AMF0:
	case RTMP_TYPE_DATA_AMF3:
		return RECORD_DATA;
	default:
		return RECORD_KINDS;
	}
}

/* Serial arithmetic (RFC 1982): RTMP time wraps after 49 days. */
static void check_step(struct record_count *count, uint32_t timestamp)
{
	uint32_t step = timestamp - count->last_timestamp;

	if (count->timed) {
		count->backward += step > INT32_MAX;
		count->gaps += step <= INT32_MAX && step > RECORD_GAP_MS;
	}
	count->last_timestamp = timestamp;
	count->timed = true;
}

static void record_time(struct record *r, enum record_kind kind, uint32_t timestamp)
{
	check_step(&r->counts[kind], timestamp);
	if (!r->timed) {
		r->first_timestamp = timestamp;
	}
	r->last_timestamp = timestamp;
	r->timed = true;
}

void record_message(struct record *r, uint8_t type, uint32_t timestamp, const uint8_t *data,
		    uint32_t len)
{
	enum record_kind kind = kind_of(type);

	if (kind == RECORD_KINDS) {
		r->other_messages++;
		return;
	}
	r->counts[kind].messages++;
	r->counts[kind].bytes += len;
	flv_write(&r->flv, type, timestamp, data, len);
	if (r->latency != NULL) {
		latency_message(r->latency, type, data, len);
	}
	if (r->marked) {
		marks_message(&r->marks, type, data, len);
	}
	if (kind == RECORD_DATA) {
		return;
	}
	uint8_t flags = rtmp_classify(type, data, len).flags;
	r->keyframes += (flags & RTMP_MEDIA_KEYFRAME) != 0;
	r->sequence_headers += (flags & RTMP_MEDIA_SEQUENCE_HEADER) != 0;
	/* Sequence headers and metadata are repeated at any time: they carry no media time. */
	if ((flags & (RTMP_MEDIA_SEQUENCE_HEADER | RTMP_MEDIA_METADATA)) == 0) {
		record_time(r, kind, timestamp);
	}
	if (r->checksum) {
		r->crc32 = sink_crc32(r->crc32, data, len);
	}
}

uint64_t record_bytes(const struct record *r)
{
	return r->counts[RECORD_AUDIO].bytes + r->counts[RECORD_VIDEO].bytes +
	       r->counts[RECORD_DATA].bytes;
}

uint32_t record_duration_ms(const struct record *r)
{
	uint32_t duration = r->last_timestamp - r->first_timestamp;

	return r->timed && duration <= INT32_MAX ? duration : 0;
}

const char *record_ended_name(enum record_ended ended)
{
	static const char *const names[] = {"running", "unpublish", "close"};

	return names[ended];
}
