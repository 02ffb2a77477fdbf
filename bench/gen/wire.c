#include "bench/gen/wire.h"

#include <string.h>

void wire_begin(struct wire *wire, struct rtmp_chunk_writer *writer, const struct rtmp_message *msg)
{
	struct rtmp_chunk chunk;

	memset(wire, 0, offsetof(struct wire, head));
	wire->length = msg->length;
	wire->chunk_size = writer->chunk_size;
	rtmp_chunk_writer_begin(writer, msg);
	(void)rtmp_chunk_writer_next(writer, &chunk);
	memcpy(wire->first, chunk.header, chunk.header_len);
	wire->first_len = chunk.header_len;
	wire->size = chunk.header_len + chunk.payload_len;
	while (rtmp_chunk_writer_next(writer, &chunk)) {
		memcpy(wire->next, chunk.header, chunk.header_len);
		wire->next_len = chunk.header_len;
		wire->size += chunk.header_len + chunk.payload_len;
	}
}

/* Where a wire is read. */
struct place {
	const uint8_t *header; /* of the chunk that the offset lies in */
	uint32_t header_len;
	uint32_t payload; /* payload byte that the chunk begins with */
	uint32_t in;      /* offset within the chunk, its header counted */
};

static struct place find(const struct wire *w, uint32_t offset)
{
	uint32_t first = w->first_len + w->chunk_size;
	uint32_t other = w->next_len + w->chunk_size;

	if (offset < first) {
		return (struct place){w->first, w->first_len, 0, offset};
	}
	uint32_t number = (offset - first) / other;
	return (struct place){w->next, w->next_len, (number + 1) * w->chunk_size,
			      (offset - first) % other};
}

/* Payload from byte `at` on that lies in one piece. */
static struct iovec payload(const struct wire *w, uint32_t at, uint32_t len)
{
	const uint8_t *from;

	if (at < w->head_len) {
		from = w->head + at;
		len = len < w->head_len - at ? len : w->head_len - at;
	} else if (w->looped) {
		from = w->body + (w->start + at) % MARK_PERIOD;
		len = len < MARK_PERIOD ? len : MARK_PERIOD;
	} else {
		from = w->body + at;
	}
	return (struct iovec){(void *)(uintptr_t)from, len};
}

/* One piece at `offset`: what is left of a header, or payload of the same chunk. */
static struct iovec piece(const struct wire *w, uint32_t offset)
{
	if (w->raw != NULL) {
		return (struct iovec){w->raw + offset, w->size - offset};
	}
	struct place p = find(w, offset);
	if (p.in < p.header_len) {
		return (struct iovec){(void *)(uintptr_t)(p.header + p.in), p.header_len - p.in};
	}
	uint32_t in = p.in - p.header_len;
	uint32_t left = w->length - p.payload;
	uint32_t chunk = left < w->chunk_size ? left : w->chunk_size;
	return payload(w, p.payload + in, chunk - in);
}

uint32_t wire_cut(const struct wire *wire, uint32_t offset, uint32_t limit, struct iovec *iov,
		  uint32_t max, uint32_t *count)
{
	uint32_t end = limit < wire->size - offset ? offset + limit : wire->size;
	uint32_t at = offset;
	uint32_t n = 0;

	while (at < end && n < max) {
		iov[n] = piece(wire, at);
		if (iov[n].iov_len > end - at) {
			iov[n].iov_len = end - at;
		}
		at += (uint32_t)iov[n].iov_len;
		n++;
	}
	*count = n;
	return at - offset;
}
