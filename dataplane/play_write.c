#include "dataplane/play_write.h"

#include <string.h>

#include "abi/ref.h"
#include "dataplane/message.h"
#include "dataplane/packets.h"
#include "dataplane/publish.h"

/* Chunk streams of media, apart from those of replies, whose compression they do not disturb. */
enum play_csid {
	PLAY_CSID_VIDEO = RTMP_CSID_REPLIES_MAX + 1,
	PLAY_CSID_AUDIO,
	PLAY_CSID_DATA,
};

/* AMF0 string "@setDataFrame": addressed to the server, players get what stands behind it. */
static const uint8_t set_data_frame[] = {2,   0,   13,  '@', 's', 'e', 't', 'D',
					 'a', 't', 'a', 'F', 'r', 'a', 'm', 'e'};

/* Payload piece by piece: of a message in the log, or in one. */
struct pieces {
	const struct publish_table *table;
	const struct publication *p;
	struct log_cursor *cursor;
	const union abi_log_unit *unit;
	uint32_t slice; /* of the message, that comes next */
	uint32_t slices;
	const uint8_t *data;
	uint32_t len; /* left at `data` */
};

static void next_piece(struct pieces *in)
{
	const struct dp_packets_table *packets = in->table->messages->packets;

	if (in->slice % ABI_LOG_SLICES == 0) {
		in->unit = log_cursor_next(in->cursor, &in->p->log);
	}
	uint64_t ref = in->unit->slices[in->slice++ % ABI_LOG_SLICES];
	in->data = packets->workers[abi_ref_region(ref)].region.base + abi_ref_offset(ref);
	in->len = abi_ref_length(ref);
}

/* The next bytes, at most `max`; returns how many, 0 behind the last. */
static uint32_t read_piece(struct pieces *in, uint32_t max, const uint8_t **data)
{
	while (in->len == 0 && in->slice < in->slices) {
		next_piece(in);
	}
	uint32_t n = in->len < max ? in->len : max;

	*data = in->data;
	in->data += n;
	in->len -= n;
	return n;
}

static uint32_t read_bytes(struct pieces *in, uint8_t *to, uint32_t len)
{
	uint32_t done = 0;

	while (done < len) {
		const uint8_t *data;
		uint32_t n = read_piece(in, len - done, &data);

		if (n == 0) {
			break;
		}
		memcpy(to + done, data, n);
		done += n;
	}
	return done;
}

static uint32_t csid_of(uint8_t type)
{
	switch (type) {
	case RTMP_TYPE_VIDEO:
		return PLAY_CSID_VIDEO;
	case RTMP_TYPE_AUDIO:
		return PLAY_CSID_AUDIO;
	default:
		return PLAY_CSID_DATA;
	}
}

/* Chunk headers with the payload between them. `start`: its first bytes, read already. */
static void write_chunks(struct play_feed *feed, const struct rtmp_message *message,
			 struct pieces *in, const uint8_t *start, uint32_t start_len,
			 struct play_chain *chain)
{
	struct pieces first = {.data = start, .len = start_len};
	struct rtmp_chunk chunk;

	rtmp_chunk_writer_begin(&feed->writer, message);
	while (rtmp_chunk_writer_next(&feed->writer, &chunk)) {
		uint32_t left = chunk.payload_len;

		play_chain_put(chain, chunk.header, chunk.header_len);
		while (left > 0) {
			const uint8_t *data;
			uint32_t n = read_piece(first.len > 0 ? &first : in, left, &data);

			if (n == 0) {
				return; /* an entry that says more than it has */
			}
			play_chain_put(chain, data, n);
			left -= n;
		}
	}
}

static bool is_data(uint8_t type)
{
	return type == RTMP_TYPE_DATA_AMF0 || type == RTMP_TYPE_DATA_AMF3;
}

/*
 * Takes "@setDataFrame" off a data message whose first bytes are at `start`: how many of them go.
 * In a message of AMF3 a byte stands before it, and what is left is AMF0.
 */
static uint32_t strip(struct rtmp_message *message, const uint8_t *start, uint32_t len)
{
	uint32_t selector = message->type == RTMP_TYPE_DATA_AMF3 && len > 0 && start[0] == 0;

	if (len - selector < sizeof(set_data_frame) ||
	    memcmp(start + selector, set_data_frame, sizeof(set_data_frame)) != 0) {
		return 0;
	}
	message->type = RTMP_TYPE_DATA_AMF0;
	return selector + (uint32_t)sizeof(set_data_frame);
}

static void write_payload(struct play_feed *feed, struct rtmp_message *message, struct pieces *in,
			  struct play_chain *chain)
{
	uint8_t start[1 + sizeof(set_data_frame)];
	uint32_t len = 0;
	uint32_t off = 0;

	message->csid = csid_of(message->type);
	message->stream_id = feed->stream_id;
	if (is_data(message->type)) {
		len = read_bytes(in, start, sizeof(start));
		off = strip(message, start, len);
		message->length -= off;
	}
	write_chunks(feed, message, in, start + off, len - off, chain);
}

void play_write_message(const struct publish_table *table, const struct publication *p,
			struct play_feed *feed, struct log_cursor *cursor, struct play_chain *chain)
{
	const struct abi_log_entry *entry = &log_cursor_next(cursor, &p->log)->entry;
	struct log_cursor behind = *cursor;
	struct rtmp_message message = {
		.timestamp = entry->timestamp,
		.length = entry->length,
		.type = entry->type,
	};
	struct pieces in = {.table = table, .p = p, .cursor = cursor, .slices = entry->slices};

	write_payload(feed, &message, &in, chain);
	/* Whatever was read of it: to the next entry. */
	for (uint64_t units = abi_log_units(entry->slices) - 1; units > 0; units--) {
		(void)log_cursor_next(&behind, &p->log);
	}
	*cursor = behind;
}

void play_pass_over(const struct publication *p, struct log_cursor *cursor)
{
	const struct abi_log_entry *entry = &log_cursor_next(cursor, &p->log)->entry;

	for (uint64_t units = abi_log_units(entry->slices) - 1; units > 0; units--) {
		(void)log_cursor_next(cursor, &p->log);
	}
}

void play_write_headers(const struct publish_table *table, const struct publication *p,
			struct play_feed *feed, uint32_t timestamp, struct play_chain *chain)
{
	const struct abi_stream *s = &table->streams[p->slot];
	uint32_t block = atomic_load_explicit(&s->header_block, memory_order_relaxed);

	if (block == ABI_LOG_NO_BLOCK) {
		return;
	}
	const struct abi_header_block *b = (const void *)&table->pool.blocks[block];
	for (uint32_t i = 0; i < b->count; i++) {
		const struct abi_header *h = &b->headers[i];
		struct rtmp_message message = {
			.timestamp = timestamp, .length = h->length, .type = h->type};
		struct pieces in = {.data = (const uint8_t *)b->data + h->offset, .len = h->length};

		if (h->position >= feed->covered && h->position < feed->cursor.position) {
			write_payload(feed, &message, &in, chain);
		}
	}
}
