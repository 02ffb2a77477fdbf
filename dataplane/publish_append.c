/* A complete message becomes an entry of the log, or is dropped: the hot half of publish.h. */
#include <errno.h>

#include "dataplane/message.h"
#include "dataplane/publish.h"
#include "dataplane/publish_classify.h"
#include "dataplane/publish_header.h"
#include "dataplane/publish_private.h"
#include "rtmp/server.h"

/* One writer: no need for a locked addition. */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, value + n, memory_order_relaxed);
}

static bool is_video_delta(uint8_t type, uint8_t flags)
{
	return type == RTMP_TYPE_VIDEO &&
	       !(flags & (RTMP_MEDIA_KEYFRAME | RTMP_MEDIA_SEQUENCE_HEADER | RTMP_MEDIA_METADATA));
}

static bool take_early(struct publication *p, uint32_t length, uint32_t held)
{
	if (length > p->early_left || held > p->early_room) {
		return false;
	}
	p->early_left -= length;
	p->early_room -= held;
	return true;
}

/* Whether the log takes the message at all. */
static bool admit(const struct publish_table *table, struct publication *p,
		  const struct abi_log_entry *entry, uint32_t held)
{
	const uint8_t needed =
		RTMP_MEDIA_KEYFRAME | RTMP_MEDIA_SEQUENCE_HEADER | RTMP_MEDIA_METADATA;

	if (table->pressure == PUBLISH_PRESSURE_FULL ||
	    (table->pressure == PUBLISH_PRESSURE_LOW && !(entry->flags & needed))) {
		return false;
	}
	if (p->want_key && is_video_delta(entry->type, entry->flags)) {
		return false;
	}
	if (p->state == ABI_STREAM_PENDING) {
		return take_early(p, entry->length, held);
	}
	return true;
}

static int write_log(struct publish_table *table, struct publication *p,
		     const struct abi_log_entry *entry, const struct message *message)
{
	int err = log_begin(&p->log, entry);
	if (err < 0) {
		dp_count(table->counters, DP_COUNTER_log_blocks_missing, 1);
		return err;
	}
	for (const struct message_block *b = message->first; b; b = b->next) {
		log_put(&p->log, b->refs, (uint32_t)b->count);
	}
	log_commit(&p->log);
	return 0;
}

static void account(struct publish_table *table, struct publication *p,
		    const struct abi_log_entry *entry, uint64_t position)
{
	struct abi_stream *s = &table->streams[p->slot];

	add(&s->bytes, entry->length);
	add(&s->messages, 1);
	add(entry->type == RTMP_TYPE_VIDEO   ? &s->video_messages
	    : entry->type == RTMP_TYPE_AUDIO ? &s->audio_messages
					     : &s->data_messages,
	    1);
	atomic_store_explicit(&s->last_timestamp, entry->timestamp, memory_order_relaxed);
	atomic_store_explicit(&s->last_arrived_us, entry->arrived_us, memory_order_relaxed);
	if (entry->flags & RTMP_MEDIA_KEYFRAME) {
		add(&s->keyframes, 1);
		p->keyframe = position;
		/* Makes room: what control released is no place to cut any more. */
		(void)publish_gops_next(&p->gops, p->log.reclaimed);
		p->want_key = false;
	}
	publish_gops_note(&p->gops, position, p->log.number, p->log.written,
			  entry->flags & RTMP_MEDIA_KEYFRAME, p->keyframe != UINT64_MAX);
	dp_count(table->counters, DP_COUNTER_messages, 1);
	dp_count(table->counters, DP_COUNTER_message_bytes, entry->length);
	if (p->state == ABI_STREAM_PENDING) {
		dp_count(table->counters, DP_COUNTER_messages_early, 1);
	}
}

static void refuse(struct publish_table *table, struct publication *p,
		   const struct abi_log_entry *entry)
{
	dp_count(table->counters, DP_COUNTER_messages_dropped, 1);
	add(&table->streams[p->slot].dropped_messages, 1);
	if (entry->type == RTMP_TYPE_VIDEO && !(entry->flags & RTMP_MEDIA_DROPPABLE)) {
		p->want_key = true;
	}
}

static void keep_header(struct publish_table *table, struct publication *p,
			const struct abi_log_entry *entry, uint64_t position,
			const struct message *message)
{
	struct abi_header header = {
		.timestamp = entry->timestamp,
		.type = entry->type,
		.kind = entry->header,
		.track = entry->track,
		.flags = entry->flags,
		.position = position,
	};
	int err = publish_header_set(&table->pool, &table->streams[p->slot], table->scratch,
				     &header, table->messages, message);
	if (err < 0) {
		dp_count(table->counters,
			 err == -ENOSPC ? DP_COUNTER_log_blocks_missing
					: DP_COUNTER_headers_left_out,
			 1);
	}
}

bool publish_append(struct publish_table *table, struct publication *p,
		    const struct rtmp_message *header, const struct message *message,
		    uint64_t now_us)
{
	uint64_t position = p->log.head;
	struct abi_log_entry entry = {
		.length = message->bytes,
		.slices = message->slices,
		.timestamp = header->timestamp,
		.type = header->type,
		.arrived_us = now_us,
	};

	publish_classify(p, &entry, table->messages, message);
	if (!admit(table, p, &entry, message->held) || write_log(table, p, &entry, message) < 0) {
		refuse(table, p, &entry);
		return false;
	}
	if (entry.header != ABI_HEADER_NONE) {
		keep_header(table, p, &entry, position, message);
	}
	account(table, p, &entry, position);
	if (p->state == ABI_STREAM_LIVE) {
		publish_announce(table, p);
	}
	return true;
}
