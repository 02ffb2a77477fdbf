#include "rtmp/chunk_writer.h"
#include "wire.h"

#include <assert.h>
#include <string.h>

#define EXTENDED_MARK 0xffffffu
#define CSID_MIN      2u
#define CSID_COUNT    8u

void rtmp_chunk_writer_init(struct rtmp_chunk_writer *w, uint32_t chunk_size)
{
	assert(chunk_size >= 1 && chunk_size <= 0x7fffffffu);
	memset(w, 0, sizeof(*w));
	w->chunk_size = chunk_size;
	w->started = true;
}

void rtmp_chunk_writer_begin(struct rtmp_chunk_writer *w, const struct rtmp_message *msg)
{
	assert(msg->csid >= CSID_MIN && msg->csid < CSID_MIN + CSID_COUNT);
	assert(w->started && w->sent == w->msg.length);
	w->msg = *msg;
	w->sent = 0;
	w->started = false;
	w->extended = false;
}

/*
 * The shortest header that says what `msg` is after the last message of its chunk stream. fmt 3
 * begins a message only after fmt 1 or 2: receivers differ in what it adds after fmt 0.
 */
static uint8_t choose_fmt(const struct rtmp_chunk_writer *w, uint32_t *delta)
{
	uint32_t i = w->msg.csid - CSID_MIN;
	const struct rtmp_message *last = &w->streams[i].last;

	*delta = w->msg.timestamp - last->timestamp;
	if (!w->streams[i].seen || last->stream_id != w->msg.stream_id || (int32_t)*delta < 0 ||
	    *delta >= 0xff0000u) {
		return 0;
	}
	if (last->length != w->msg.length || last->type != w->msg.type) {
		return 1;
	}
	return w->streams[i].has_delta && w->streams[i].delta == *delta ? 3 : 2;
}

static void remember(struct rtmp_chunk_writer *w, uint8_t fmt, uint32_t delta)
{
	uint32_t i = w->msg.csid - CSID_MIN;

	w->streams[i].last = w->msg;
	w->streams[i].seen = true;
	w->streams[i].has_delta = fmt != 0;
	w->streams[i].delta = delta;
}

/* Header of the first chunk. Only fmt 0 can carry an extended timestamp, see choose_fmt(). */
static void put_first(struct rtmp_chunk_writer *w, struct rtmp_chunk *chunk)
{
	static const uint8_t sizes[] = {12, 8, 4, 1};
	uint8_t *h = chunk->header;
	uint32_t delta;
	uint8_t fmt = choose_fmt(w, &delta);
	uint32_t time = fmt == 0 ? w->msg.timestamp : delta;

	w->extended = time >= EXTENDED_MARK;
	h[0] = (uint8_t)(fmt << 6 | w->msg.csid);
	rtmp_set_be24(h + 1, w->extended ? EXTENDED_MARK : time);
	rtmp_set_be24(h + 4, w->msg.length);
	h[7] = w->msg.type;
	rtmp_set_le32(h + 8, w->msg.stream_id);
	chunk->header_len = sizes[fmt];
	remember(w, fmt, delta);
}

bool rtmp_chunk_writer_next(struct rtmp_chunk_writer *w, struct rtmp_chunk *chunk)
{
	uint32_t left = w->msg.length - w->sent;

	if (w->started && left == 0) {
		return false;
	}
	if (!w->started) {
		put_first(w, chunk);
		w->started = true;
	} else {
		chunk->header[0] = (uint8_t)(0xc0 | w->msg.csid);
		chunk->header_len = 1;
	}
	if (w->extended) {
		rtmp_set_be32(chunk->header + chunk->header_len, w->msg.timestamp);
		chunk->header_len = (uint8_t)(chunk->header_len + 4);
	}
	chunk->payload_len = left < w->chunk_size ? left : w->chunk_size;
	w->sent += chunk->payload_len;
	return true;
}

/* Bytes that the message takes at most. */
static uint64_t put_size(const struct rtmp_chunk_writer *w, const struct rtmp_message *msg)
{
	uint64_t chunks = (uint64_t)msg->length / w->chunk_size + 1;

	return msg->length + RTMP_CHUNK_HEADER_MAX + (chunks - 1) * 5;
}

/* What a put sets aside: chunks of other streams may stand between those of a message. */
struct progress {
	struct rtmp_message msg;
	uint32_t sent;
	bool started;
	bool extended;
};

static struct progress get_progress(const struct rtmp_chunk_writer *w)
{
	return (struct progress){w->msg, w->sent, w->started, w->extended};
}

static void set_progress(struct rtmp_chunk_writer *w, const struct progress *p)
{
	w->msg = p->msg;
	w->sent = p->sent;
	w->started = p->started;
	w->extended = p->extended;
}

bool rtmp_chunk_writer_put(struct rtmp_chunk_writer *w, const struct rtmp_message *msg,
			   const void *payload, struct rtmp_out *out)
{
	const struct progress under_way = get_progress(w);
	const uint8_t *at = payload;
	struct rtmp_chunk chunk;

	/* All or nothing: after half a message the peer could not read on. */
	if (out->overflow || put_size(w, msg) > out->cap - out->len) {
		out->overflow = true;
		return false;
	}
	assert(under_way.sent == under_way.msg.length || under_way.msg.csid != msg->csid);
	w->msg.length = w->sent;
	w->started = true;
	rtmp_chunk_writer_begin(w, msg);
	while (rtmp_chunk_writer_next(w, &chunk)) {
		rtmp_out_put(out, chunk.header, chunk.header_len);
		if (chunk.payload_len != 0) {
			rtmp_out_put(out, at, chunk.payload_len);
			at += chunk.payload_len;
		}
	}
	set_progress(w, &under_way);
	return !out->overflow;
}

bool rtmp_chunk_writer_resize(struct rtmp_chunk_writer *w, uint32_t chunk_size,
			      struct rtmp_out *out)
{
	struct rtmp_message msg = {
		.length = 4,
		.csid = CSID_MIN,
		.type = RTMP_TYPE_SET_CHUNK_SIZE,
	};
	uint8_t payload[4];

	assert(chunk_size >= 1 && chunk_size <= 0x7fffffffu);
	rtmp_set_be32(payload, chunk_size);
	if (!rtmp_chunk_writer_put(w, &msg, payload, out)) {
		return false;
	}
	w->chunk_size = chunk_size;
	return true;
}
