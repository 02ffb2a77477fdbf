#include "random_session.h"

#include <string.h>

#define STREAMS     20u   /* more than the reader has room for */
#define PAYLOAD_MAX 3000u /* bytes */

struct stream {
	uint32_t csid;
	uint32_t basic_len; /* of its basic header: longer than it must be, for some */
	uint8_t type;
	uint32_t length;
	uint32_t sent;
	uint32_t field; /* the last timestamp field that was sent */
	bool begun;     /* a fmt 0 was sent, ever */
	uint8_t payload[PAYLOAD_MAX];
};

struct session {
	struct tape *tape;
	uint64_t random;
	uint32_t chunk_size;
	uint32_t streams_count;
	uint32_t wrong_one_in; /* chunks; 0: nothing is wrong */
	bool omits;            /* fmt 3 without extended timestamp */
	bool late;             /* most timestamps are extended */
	struct stream streams[STREAMS];
};

/* Below `n`. xorshift64*: the upper half is good. */
static uint32_t below(struct session *s, uint32_t n)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return (uint32_t)((s->random * 0x2545f4914f6cdd1du >> 32) * n >> 32);
}

static bool one_in(struct session *s, uint32_t n)
{
	return below(s, n) == 0;
}

static void put_basic(struct session *s, const struct stream *stream, uint8_t fmt)
{
	uint32_t id = stream->csid - 64;

	switch (stream->basic_len) {
	case 1:
		tape_byte(s->tape, (uint8_t)(fmt << 6 | stream->csid));
		break;
	case 2:
		tape_byte(s->tape, (uint8_t)(fmt << 6));
		tape_byte(s->tape, (uint8_t)id);
		break;
	default:
		tape_byte(s->tape, (uint8_t)(fmt << 6 | 1));
		tape_byte(s->tape, (uint8_t)id);
		tape_byte(s->tape, (uint8_t)(id >> 8));
		break;
	}
}

static void put_header(struct session *s, const struct stream *stream, uint8_t fmt)
{
	put_basic(s, stream, fmt);
	if (fmt < 3) {
		tape_be24(s->tape, stream->field < 0xffffff ? stream->field : 0xffffff);
	}
	if (fmt < 2) {
		tape_be24(s->tape, stream->length);
		tape_byte(s->tape, stream->type);
	}
	if (fmt < 1) {
		tape_be32(s->tape, below(s, 3) << 24);
	}
	if (stream->field >= 0xffffff && !(fmt == 3 && s->omits)) {
		tape_be32(s->tape, stream->field);
	}
}

/* Some of it looks like headers. */
static void fill(struct session *s, struct stream *stream)
{
	uint32_t like = below(s, 6);

	for (uint32_t i = 0; i < stream->length; i++) {
		stream->payload[i] =
			like == 0 ? (uint8_t)(0xc0 | (stream->csid & 63)) : (uint8_t)below(s, 256);
	}
}

static uint32_t put_be(uint8_t *to, uint32_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	}
	return bytes;
}

/* Messages of up to 200 bytes behind tag headers; one in sixteen says a wrong length. */
static void fill_aggregate(struct session *s, struct stream *stream)
{
	static const uint8_t types[] = {8, 9, 18, 15, 22, 20};
	uint32_t at = 0, length = 0;

	for (uint32_t i = below(s, 6); i > 0; i--) {
		length = below(s, 200);
		stream->payload[at++] = types[below(s, sizeof(types))];
		at += put_be(stream->payload + at, length + (one_in(s, 16) ? 500 : 0), 3);
		at += put_be(stream->payload + at, 0x10000 * i, 3);
		at += put_be(stream->payload + at, below(s, 3), 1);
		at += put_be(stream->payload + at, 1, 3);
		memset(stream->payload + at, (int)i, length);
		at += length;
		at += put_be(stream->payload + at, length + (one_in(s, 8) ? 0 : 11), 4);
	}
	stream->length = at - (at != 0 && one_in(s, 3) ? 4 : 0);
}

static void make_control(struct session *s, struct stream *stream)
{
	uint32_t value = below(s, 1u << below(s, 31));

	stream->length = stream->type == RTMP_TYPE_SET_PEER_BANDWIDTH ? 5 : 4;
	if (stream->type == RTMP_TYPE_SET_CHUNK_SIZE) {
		value = s->wrong_one_in != 0 && one_in(s, 20) ? below(s, 2) << 31
							      : 1 + below(s, 1u << below(s, 14));
	} else if (stream->type == RTMP_TYPE_ABORT) {
		value = s->streams[below(s, s->streams_count)].csid;
	} else if (stream->type == RTMP_TYPE_USER_CONTROL) {
		stream->length = 2 + 4 * below(s, 3);
	}
	memset(stream->payload, 0, 16);
	put_be(stream->payload, value, 4);
	stream->payload[4] = (uint8_t)below(s, 3);
}

static void make_message(struct session *s, struct stream *stream)
{
	static const uint8_t types[] = {8, 9, 8, 9, 8, 9, 18, 20, 22, 22, 1, 2, 2, 4, 6};

	stream->type = types[below(s, sizeof(types))];
	if (stream->type <= RTMP_TYPE_SET_PEER_BANDWIDTH) {
		make_control(s, stream);
		return;
	}
	stream->length = below(s, 1u << below(s, 12));
	stream->length = stream->length < PAYLOAD_MAX ? stream->length : PAYLOAD_MAX;
	fill(s, stream);
	if (stream->type == RTMP_TYPE_AGGREGATE) {
		fill_aggregate(s, stream);
	}
}

static uint32_t random_time(struct session *s)
{
	static const uint32_t some[] = {0,        40,        0x10000,    0xfffffe,
					0xffffff, 0x1000000, 0xfffffff0, 0xff0000};

	if (s->late && !one_in(s, 4)) {
		return 0x1000000 + below(s, 1u << 30);
	}
	return one_in(s, 2) ? below(s, 5000) : some[below(s, sizeof(some) / sizeof(some[0]))];
}

/* fmt 2 and 3 say nothing of type and length: those of the last message hold. */
static uint8_t begin_message(struct session *s, struct stream *stream)
{
	bool plain = stream->begun && stream->type > RTMP_TYPE_SET_PEER_BANDWIDTH;
	uint8_t fmt = (uint8_t)(plain ? below(s, 4) : stream->begun ? below(s, 2) : 0);

	if (!stream->begun && one_in(s, 4)) {
		fmt = 1;
	}
	if (fmt < 3) {
		stream->field = random_time(s);
	}
	if (fmt < 2) {
		make_message(s, stream);
	} else if (stream->type != RTMP_TYPE_AGGREGATE) {
		fill(s, stream);
	}
	stream->begun = true;
	stream->sent = 0;
	return fmt;
}

static uint8_t random_fmt(struct session *s)
{
	return one_in(s, 8) ? (uint8_t)(1 + below(s, 2)) : 3;
}

/* What a sender knows of its own messages: the one that comes in force with its last byte. */
static void end_message(struct session *s, const struct stream *stream)
{
	uint32_t value = (uint32_t)stream->payload[0] << 24 | (uint32_t)stream->payload[1] << 16 |
			 (uint32_t)stream->payload[2] << 8 | stream->payload[3];

	if (stream->type == RTMP_TYPE_SET_CHUNK_SIZE) {
		s->chunk_size = value;
	}
	for (uint32_t i = 0; stream->type == RTMP_TYPE_ABORT && i < s->streams_count; i++) {
		if (s->streams[i].csid == value) {
			s->streams[i].sent = s->streams[i].length;
		}
	}
}

/* Payload behind fmt 3 may begin as a timestamp would, for a few bytes or for all. */
static void feign_timestamp(struct session *s, struct stream *stream)
{
	uint32_t count = below(s, 5);

	for (uint32_t i = 0; i < count && stream->sent + i < stream->length; i++) {
		stream->payload[stream->sent + i] = (uint8_t)(stream->field >> (24 - 8 * i));
	}
}

static void put_chunk(struct session *s, struct stream *stream)
{
	bool under_way = stream->sent < stream->length;
	uint8_t fmt = under_way ? random_fmt(s) : begin_message(s, stream);
	uint32_t n = stream->length - stream->sent;

	n = n < s->chunk_size ? n : s->chunk_size;
	if (fmt == 3 && s->omits && stream->type != RTMP_TYPE_AGGREGATE &&
	    stream->type > RTMP_TYPE_SET_PEER_BANDWIDTH) {
		feign_timestamp(s, stream);
	}
	put_header(s, stream, fmt);
	tape_put(s->tape, stream->payload + stream->sent, n);
	stream->sent += n;
	if (stream->sent == stream->length) {
		end_message(s, stream);
	}
}

static void put_wrong(struct session *s)
{
	uint32_t at = below(s, s->tape->len);

	switch (below(s, 3)) {
	case 0:
		s->tape->bytes[at] ^= (uint8_t)(1u << below(s, 8));
		break;
	case 1:
		tape_byte(s->tape, (uint8_t)below(s, 256));
		break;
	default:
		s->tape->len -= s->tape->len - at < 4 ? s->tape->len - at : 4;
		break;
	}
}

static void session_init(struct session *s, struct tape *tape, uint32_t seed)
{
	static const uint32_t first[] = {2, 64, 64 + 256};

	memset(s, 0, sizeof(*s));
	s->tape = tape;
	s->random = 0x9e3779b97f4a7c15u * (seed + 1);
	s->chunk_size = RTMP_DEFAULT_CHUNK_SIZE;
	s->streams_count = 1 + below(s, one_in(s, 4) ? STREAMS : 5);
	s->wrong_one_in = one_in(s, 3) ? 20 : 0;
	s->omits = one_in(s, 2);
	s->late = one_in(s, 3);
	for (uint32_t i = 0; i < s->streams_count; i++) {
		struct stream *stream = &s->streams[i];
		uint32_t need = below(s, 3);

		stream->csid = first[need] + i;
		stream->basic_len = need == 1 && one_in(s, 2) ? 3 : need + 1;
	}
}

void random_session(struct tape *tape, uint32_t seed, uint32_t len)
{
	static struct session session;
	uint32_t from = tape->len;

	session_init(&session, tape, seed);
	while (tape->len - from < len) {
		put_chunk(&session, &session.streams[below(&session, session.streams_count)]);
		if (session.wrong_one_in != 0 && one_in(&session, session.wrong_one_in)) {
			put_wrong(&session);
		}
	}
}
