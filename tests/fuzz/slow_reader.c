#include "slow_reader.h"

#include "rtmp/error.h"
#include "rtmp/message.h"

#include <stddef.h>
#include <string.h>

void slow_reader_init(struct slow_reader *r, uint32_t streams_max,
		      void (*message)(void *context, const struct slow_message *message),
		      void *context)
{
	for (uint32_t i = 0; i < SLOW_STREAMS; i++) {
		r->streams[i].used = false;
	}
	r->streams_max = streams_max;
	r->chunk_size = 128;
	r->state = SLOW_BASIC;
	r->have = 0;
	r->continues = SLOW_UNKNOWN;
	r->begins = SLOW_UNKNOWN;
	r->forgot = false;
	r->begun = 0;
	r->chunks = 0;
	r->message = message;
	r->context = context;
}

static uint32_t number(const uint8_t *bytes, uint32_t count)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < count; i++) {
		value = value * 256 + bytes[i];
	}
	return value;
}

static struct slow_stream *find(struct slow_reader *r, uint32_t csid)
{
	for (uint32_t i = 0; i < SLOW_STREAMS; i++) {
		if (r->streams[i].used && r->streams[i].csid == csid) {
			return &r->streams[i];
		}
	}
	return NULL;
}

/* Where a new one goes: a free place, or that of the idle one whose last message is the oldest. */
static struct slow_stream *find_place(struct slow_reader *r)
{
	struct slow_stream *oldest = NULL;

	for (uint32_t i = 0; i < r->streams_max; i++) {
		struct slow_stream *s = &r->streams[i];

		if (!s->used) {
			return s;
		}
		if (!s->open && (oldest == NULL || s->began < oldest->began)) {
			oldest = s;
		}
	}
	return oldest;
}

/* A fresh chunk stream may begin with fmt 1 or 2, unless it may be one that was forgotten. */
static int add(struct slow_reader *r)
{
	struct slow_stream *s = find_place(r);

	if (s == NULL || (r->forgot && r->fmt != 0)) {
		return RTMP_ERR(CHUNK_STREAMS);
	}
	r->forgot |= s->used;
	memset(s, 0, offsetof(struct slow_stream, payload));
	s->used = true;
	s->csid = r->csid;
	return 0;
}

/* Section 5.4: protocol control messages are short; the caller sets how long others may be. */
static int check_length(const struct slow_stream *s)
{
	switch (s->type) {
	case RTMP_TYPE_SET_CHUNK_SIZE:
	case RTMP_TYPE_ABORT:
	case RTMP_TYPE_ACK:
	case RTMP_TYPE_WINDOW_ACK_SIZE:
	case RTMP_TYPE_SET_PEER_BANDWIDTH:
		return s->length < 4 || s->length > 64 ? RTMP_ERR(CONTROL) : 0;
	case RTMP_TYPE_USER_CONTROL:
		return s->length < 2 || s->length > 64 ? RTMP_ERR(CONTROL) : 0;
	default:
		return s->length > SLOW_MESSAGE_MAX ? RTMP_ERR(MESSAGE_SIZE) : 0;
	}
}

/* Section 5.4.1: sizes from 1 to 2^31 - 1. */
static int set_chunk_size(struct slow_reader *r, const struct slow_stream *s)
{
	uint32_t size = number(s->payload, 4);

	if (size == 0 || size >= 1u << 31) {
		return RTMP_ERR(CHUNK_SIZE);
	}
	r->chunk_size = size;
	return 0;
}

/* Section 5.4.2. Returns the chunk stream that lost a message, 0 if none. */
static uint32_t abort_message(struct slow_reader *r, const struct slow_stream *s)
{
	struct slow_stream *other = find(r, number(s->payload, 4));

	if (other == NULL || !other->open) {
		return 0;
	}
	other->open = false;
	return other->csid;
}

static int complete(struct slow_reader *r, struct slow_stream *s)
{
	struct slow_message message = {
		.csid = s->csid,
		.timestamp = s->timestamp,
		.length = s->length,
		.stream_id = s->stream_id,
		.type = s->type,
		.payload = s->payload,
	};

	memset(s->payload + s->length, 0, 8);
	s->open = false;
	if (s->type == RTMP_TYPE_SET_CHUNK_SIZE) {
		int rc = set_chunk_size(r, s);

		if (rc < 0) {
			return rc;
		}
	} else if (s->type == RTMP_TYPE_ABORT) {
		message.aborted = abort_message(r, s);
	}
	r->message(r->context, &message);
	return 0;
}

/* Behind a header: how much payload the chunk has; a message of length 0 is complete without. */
static int begin_payload(struct slow_reader *r)
{
	struct slow_stream *s = find(r, r->csid);
	uint32_t left = s->length - s->got;

	r->chunk_left = left < r->chunk_size ? left : r->chunk_size;
	r->state = r->chunk_left != 0 ? SLOW_PAYLOAD : SLOW_BASIC;
	r->have = 0;
	return left == 0 ? complete(r, s) : 0;
}

static int payload_byte(struct slow_reader *r, uint8_t byte)
{
	struct slow_stream *s = find(r, r->csid);

	s->payload[s->got++] = byte;
	if (--r->chunk_left == 0) {
		r->state = SLOW_BASIC;
	}
	return s->got == s->length ? complete(r, s) : 0;
}

static int begin_message(struct slow_reader *r, struct slow_stream *s)
{
	s->open = true;
	s->got = 0;
	s->began = r->begun++;
	return check_length(s);
}

/*
 * Section 5.3.1.2: a timestamp with fmt 0, else a delta. A delta of 24 bits shortly below 2^24 is a
 * negative one, but nothing goes back behind 0.
 */
static void set_time(struct slow_reader *r, struct slow_stream *s, uint32_t time)
{
	if (r->fmt == 0) {
		s->timestamp = time;
		s->delta = 0;
		return;
	}
	if (!s->extended && time >= 0xff0000 && s->timestamp >= 0x1000000 - time) {
		time -= 0x1000000;
	}
	s->delta = time;
	s->timestamp += time;
}

/* In the middle of a message fmt 1 and 2 may say again what is known. */
static int check_repeated(const struct slow_reader *r, const struct slow_stream *s)
{
	if (r->fmt == 0) {
		return RTMP_ERR(CHUNK_HEADER);
	}
	if (r->fmt == 1 && (number(r->header + 3, 3) != s->length || r->header[6] != s->type)) {
		return RTMP_ERR(CHUNK_HEADER);
	}
	return 0;
}

static void take_fields(struct slow_reader *r, struct slow_stream *s, uint32_t time)
{
	set_time(r, s, time);
	if (r->fmt <= 1) {
		s->length = number(r->header + 3, 3);
		s->type = r->header[6];
	}
	if (r->fmt == 0) {
		s->stream_id = (uint32_t)r->header[10] << 24 | (uint32_t)r->header[9] << 16 |
			       (uint32_t)r->header[8] << 8 | r->header[7];
	}
}

/* A header of fmt 0, 1 or 2 is there, whose timestamp field, extended or not, is `time`. */
static int header_done(struct slow_reader *r, bool extended, uint32_t time)
{
	struct slow_stream *s = find(r, r->csid);
	int rc = 0;

	r->chunks++;
	if (s == NULL) {
		rc = add(r);
		if (rc < 0) {
			return rc;
		}
		s = find(r, r->csid);
	}
	s->extended = extended;
	s->extended_field = time;
	if (s->open) {
		rc = check_repeated(r, s);
	} else {
		take_fields(r, s, time);
		rc = begin_message(r, s);
	}
	return rc < 0 ? rc : begin_payload(r);
}

/* fmt 3: what the chunk stream said before holds again. */
static int repeat_header(struct slow_reader *r, struct slow_stream *s)
{
	r->chunks++;
	if (s->open) {
		return 0;
	}
	s->timestamp += s->delta;
	return begin_message(r, s);
}

/* Section 5.3.1.3, and old librtmp, which omits the extended timestamp from fmt 3. */
static int fmt3_begins(struct slow_reader *r)
{
	struct slow_stream *s = find(r, r->csid);
	int rc;

	if (s == NULL) {
		r->chunks++;
		return RTMP_ERR(CHUNK_HEADER);
	}
	r->have = 0;
	r->learning = s->open ? &r->continues : &r->begins;
	if (s->extended && *r->learning == SLOW_REPEATS) {
		r->state = SLOW_EXTENDED;
		return 0;
	}
	rc = repeat_header(r, s);
	if (rc < 0) {
		return rc;
	}
	if (s->extended && *r->learning == SLOW_UNKNOWN) {
		r->state = SLOW_LEARN;
		return 0;
	}
	return begin_payload(r);
}

/* Section 5.3.1.1. */
static int basic_byte(struct slow_reader *r, uint8_t byte)
{
	uint32_t form;

	r->bytes[r->have++] = byte;
	form = r->bytes[0] & 63;
	if (form <= 1 && r->have < form + 2) {
		return 0;
	}
	r->csid = form;
	if (form == 0) {
		r->csid = 64 + r->bytes[1];
	} else if (form == 1) {
		r->csid = 64 + r->bytes[1] + 256 * r->bytes[2];
	}
	r->fmt = r->bytes[0] >> 6;
	if (r->fmt == 3) {
		return fmt3_begins(r);
	}
	r->have = 0;
	r->state = SLOW_HEADER;
	return 0;
}

static int header_byte(struct slow_reader *r, uint8_t byte)
{
	static const uint32_t sizes[] = {11, 7, 3};

	r->header[r->have++] = byte;
	if (r->have < sizes[r->fmt]) {
		return 0;
	}
	r->have = 0;
	if (number(r->header, 3) == 0xffffff) {
		r->state = SLOW_EXTENDED;
		return 0;
	}
	return header_done(r, false, number(r->header, 3));
}

static int extended_byte(struct slow_reader *r, uint8_t byte)
{
	int rc;

	r->bytes[r->have++] = byte;
	if (r->have < 4) {
		return 0;
	}
	if (r->fmt != 3) {
		return header_done(r, true, number(r->bytes, 4));
	}
	rc = repeat_header(r, find(r, r->csid));
	return rc < 0 ? rc : begin_payload(r);
}

static bool begins_with(uint32_t value, const uint8_t *bytes, uint32_t count)
{
	return value >> (32 - 8 * count) == number(bytes, count);
}

/*
 * Is this the extended timestamp again, or the message's timestamp? The first byte that fits
 * neither shows that all of them are payload.
 */
static int learn_byte(struct slow_reader *r, uint8_t byte)
{
	const struct slow_stream *s = find(r, r->csid);
	uint8_t bytes[4];
	uint32_t count;
	int rc;

	r->bytes[r->have++] = byte;
	if (begins_with(s->extended_field, r->bytes, r->have) ||
	    begins_with(s->timestamp, r->bytes, r->have)) {
		if (r->have < 4) {
			return 0;
		}
		*r->learning = SLOW_REPEATS;
		return begin_payload(r);
	}
	*r->learning = SLOW_OMITS;
	count = r->have;
	memcpy(bytes, r->bytes, count);
	rc = begin_payload(r);
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		rc = slow_reader_byte(r, bytes[i]);
	}
	return rc;
}

int slow_reader_byte(struct slow_reader *r, uint8_t byte)
{
	switch (r->state) {
	case SLOW_BASIC:
		return basic_byte(r, byte);
	case SLOW_HEADER:
		return header_byte(r, byte);
	case SLOW_EXTENDED:
		return extended_byte(r, byte);
	case SLOW_LEARN:
		return learn_byte(r, byte);
	default:
		return payload_byte(r, byte);
	}
}
