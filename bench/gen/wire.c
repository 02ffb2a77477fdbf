#include "bench/gen/wire.h"

#include <string.h>

/* Two chunks show all headers; of what follows only the number counts, and the writer is told so.
 */
void wire_begin(struct wire *wire, struct rtmp_chunk_writer *writer, const struct rtmp_message *msg)
{
	struct rtmp_chunk chunk;
	uint32_t others;

	memset(wire, 0, offsetof(struct wire, head));
	wire->length = msg->length;
	wire->chunk_size = writer->chunk_size;
	rtmp_chunk_writer_begin(writer, msg);
	(void)rtmp_chunk_writer_next(writer, &chunk);
	memcpy(wire->first, chunk.header, chunk.header_len);
	wire->first_len = chunk.header_len;
	if (rtmp_chunk_writer_next(writer, &chunk)) {
		memcpy(wire->next, chunk.header, chunk.header_len);
		wire->next_len = chunk.header_len;
		writer->sent = msg->length;
	}
	others = msg->length > 0 ? (msg->length - 1) / wire->chunk_size : 0;
	wire->size = wire->first_len + others * wire->next_len + msg->length;
}

/* Where a wire is read. */
struct place {
	const uint8_t *header; /* of the chunk */
	uint32_t header_len;
	uint32_t payload;     /* payload byte that the chunk begins with */
	uint32_t payload_len; /* of the chunk */
	uint32_t in;          /* offset within the chunk, its header counted */
};

static uint32_t chunk_len(const struct wire *w, uint32_t payload)
{
	uint32_t left = w->length - payload;

	return left < w->chunk_size ? left : w->chunk_size;
}

static struct place find(const struct wire *w, uint32_t offset)
{
	uint32_t first = w->first_len + w->chunk_size;
	uint32_t other = w->next_len + w->chunk_size;
	struct place p = {.header = w->first, .header_len = w->first_len, .in = offset};

	if (offset >= first) {
		p.header = w->next;
		p.header_len = w->next_len;
		p.payload = ((offset - first) / other + 1) * w->chunk_size;
		p.in = (offset - first) % other;
	}
	p.payload_len = chunk_len(w, p.payload);
	return p;
}

static void next_chunk(const struct wire *w, struct place *p)
{
	p->header = w->next;
	p->header_len = w->next_len;
	p->payload += p->payload_len;
	p->payload_len = chunk_len(w, p->payload);
	p->in = 0;
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

/* One piece: what is left of a header, or payload of the same chunk. */
static struct iovec piece(const struct wire *w, const struct place *p)
{
	uint32_t in = p->in - p->header_len;

	if (p->in < p->header_len) {
		return (struct iovec){(void *)(uintptr_t)(p->header + p->in),
				      p->header_len - p->in};
	}
	return payload(w, p->payload + in, p->payload_len - in);
}

static uint32_t cut_raw(const struct wire *w, uint32_t offset, uint32_t len, struct iovec *iov,
			uint32_t *count)
{
	*iov = (struct iovec){w->raw + offset, len};
	*count = len > 0;
	return len;
}

uint32_t wire_cut(const struct wire *w, uint32_t offset, uint32_t limit, struct iovec *iov,
		  uint32_t max, uint32_t *count)
{
	uint32_t left = limit < w->size - offset ? limit : w->size - offset;
	uint32_t wanted = left;
	uint32_t n = 0;

	if (w->raw != NULL) {
		return cut_raw(w, offset, left, iov, count);
	}
	struct place p = find(w, offset);
	while (left > 0 && n < max) {
		if (p.in == p.header_len + p.payload_len) {
			next_chunk(w, &p);
		}
		iov[n] = piece(w, &p);
		if (iov[n].iov_len > left) {
			iov[n].iov_len = left;
		}
		p.in += (uint32_t)iov[n].iov_len;
		left -= (uint32_t)iov[n].iov_len;
		n++;
	}
	*count = n;
	return wanted - left;
}
