#include "dataplane/publish.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/local_memory.h"
#include "dataplane/message.h"
#include "dataplane/publish_header.h"
#include "dataplane/publish_private.h"
#include "rtmp/server.h"

static void *table_at(struct abi_pub *pub, uint64_t offset)
{
	return (uint8_t *)pub + offset;
}

static void put_refs(void *app, const uint64_t *refs, uint32_t count)
{
	message_put_refs(app, refs, count);
}

static int allocate(struct publish_table *table)
{
	table->publications =
		local_alloc(table->count * sizeof(table->publications[0]), table->numa_node);
	table->resume = local_alloc(table->count * sizeof(table->resume[0]), table->numa_node);
	table->slots = calloc(table->count, sizeof(table->slots[0]));
	table->dirty = calloc(table->count, sizeof(table->dirty[0]));
	table->scratch = calloc(1, sizeof(*table->scratch));
	return table->publications && table->resume && table->slots && table->dirty &&
			       table->scratch
		       ? 0
		       : -ENOMEM;
}

static int init_pool(struct publish_table *table, struct abi_pub *pub)
{
	int err = log_pool_init(&table->pool, table_at(pub, pub->blocks_offset),
				table_at(pub, pub->block_next_offset), pub->blocks);
	table->pool.put = put_refs;
	table->pool.app = table->messages;
	table->pool.truesize = table->messages->truesize;
	return err;
}

int publish_table_init(struct publish_table *table, struct abi_pub *pub,
		       struct message_pool *messages, struct dp_counters *counters,
		       uint32_t early_max, int numa_node)
{
	*table = (struct publish_table){
		.streams = table_at(pub, pub->streams_offset),
		.count = pub->streams,
		.messages = messages,
		.counters = counters,
		.early_max = early_max,
		.numa_node = numa_node,
	};
	publish_notify_init(&table->notify, pub, counters);
	int err = allocate(table);
	if (err == 0) {
		err = init_pool(table, pub);
	}
	if (err < 0) {
		publish_table_fini(table);
		return err;
	}
	for (uint32_t i = 0; i < table->count; i++) {
		table->slots[i] = i;
		table->publications[i].slot = i;
		table->publications[i].place = i;
	}
	return 0;
}

/* Whoever reads them now reads on at their own risk: this is the end of the process. */
static void give_back_all(struct publish_table *table)
{
	while (table->active_count > 0) {
		struct publication *p = publish_active(table, 0);

		if (!p->closing) {
			publish_retire(table, p);
		}
		(void)log_reclaim(&p->log, p->log.head, UINT32_MAX);
		publish_free(table, p);
	}
}

void publish_table_fini(struct publish_table *table)
{
	give_back_all(table);
	log_pool_fini(&table->pool);
	local_free(table->publications, table->count * sizeof(table->publications[0]));
	local_free(table->resume, table->count * sizeof(table->resume[0]));
	free(table->slots);
	free(table->dirty);
	free(table->scratch);
	table->publications = NULL;
	table->resume = NULL;
	table->slots = NULL;
	table->dirty = NULL;
	table->scratch = NULL;
}

static bool try_tell(struct publish_table *table, const struct publication *p,
		     enum abi_event_type type, uint64_t now_us)
{
	struct abi_event event = {
		.type = type,
		.slot = p->slot,
		.generation = p->generation,
		.value = type == ABI_EVENT_ENDED ? p->log.head : 0,
		.time_us = now_us,
	};
	return publish_notify_event(&table->notify, table->sub, &event);
}

void publish_tell(struct publish_table *table, struct publication *p, enum abi_event_type type,
		  uint64_t now_us)
{
	if (p->owed || !try_tell(table, p, type, now_us)) {
		p->owed |= (uint8_t)(1u << type);
	}
}

void publish_tell_owed(struct publish_table *table, struct publication *p, uint64_t now_us)
{
	while (p->owed) {
		enum abi_event_type type = (enum abi_event_type)__builtin_ctz(p->owed);
		if (!try_tell(table, p, type, now_us)) {
			return;
		}
		p->owed &= (uint8_t)(p->owed - 1);
	}
}

static void set_state(struct publish_table *table, struct publication *p,
		      enum abi_stream_state state)
{
	p->state = state;
	/* Pairs with the acquire of control: what belongs to the state is written. */
	atomic_store_explicit(&table->streams[p->slot].state, state, memory_order_release);
}

static void set_generation(struct publish_table *table, struct publication *p, uint64_t generation)
{
	p->generation = generation;
	atomic_store_explicit(&table->streams[p->slot].generation, generation,
			      memory_order_release);
	/* A reader that sees what is written to the slot from here on sees this one too. */
	atomic_thread_fence(memory_order_release);
}

static void copy_text(char *to, const char *from, size_t size)
{
	size_t n = from ? strnlen(from, size - 1) : 0;

	memcpy(to, from ? from : "", n);
	memset(to + n, 0, size - n);
}

static void fill_slot(struct abi_stream *s, const struct publish_request *request)
{
	_Atomic uint64_t *const counts[] = {
		&s->bytes,
		&s->messages,
		&s->keyframes,
		&s->video_messages,
		&s->audio_messages,
		&s->data_messages,
		&s->dropped_messages,
		&s->pinned_bytes,
		&s->last_timestamp,
		&s->last_arrived_us,
		&s->wire_bytes,
		&s->partial_bytes,
		&s->ooo_bytes,
		&s->dropped_unread_messages,
	};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		atomic_store_explicit(counts[i], 0, memory_order_relaxed);
	}
	s->started_us = request->now_us;
	s->connection = request->connection;
	copy_text(s->peer, request->peer, sizeof(s->peer));
	copy_text(s->app, request->app, sizeof(s->app));
	copy_text(s->asked, request->name, sizeof(s->asked));
	memset(s->name, 0, sizeof(s->name));
	copy_text(s->encoder, request->server->encoder, sizeof(s->encoder));
	atomic_store_explicit(&s->end_reason, 0, memory_order_relaxed);
	atomic_store_explicit(&s->end_error, 0, memory_order_relaxed);
	s->caps_ex = request->server->caps_ex;
	s->video_function = request->server->video_function;
	s->enhanced = request->server->enhanced;
	s->amf3 = request->server->amf3;
}

static uint32_t early_room(const struct publish_table *table)
{
	uint64_t room = (uint64_t)table->early_max * PUBLISH_EARLY_FACTOR;
	uint64_t promised = table->admission.initial;

	return (uint32_t)(promised != 0 && promised < room ? promised : room);
}

static void prepare(struct publish_table *table, struct publication *p,
		    const struct publish_request *request)
{
	p->session = request->session;
	p->keyframe = UINT64_MAX;
	p->early_left = table->early_max;
	p->early_room = early_room(table);
	p->video_track = UINT8_MAX;
	p->ended_us = 0;
	p->drop_to = 0;
	publish_gops_clear(&p->gops);
	publish_resume_clear(&table->resume[p->slot]);
	p->lived = false;
	p->closing = false;
	p->want_key = false;
	p->owed = 0;
	fill_slot(&table->streams[p->slot], request);
	publish_header_open(&table->streams[p->slot]);
	set_state(table, p, ABI_STREAM_PENDING);
	set_generation(table, p, p->generation + 1);
	assert(p->generation % 2 == 1);
}

static void show_reservation(struct publish_table *table, const struct publication *p)
{
	atomic_store_explicit(&table->streams[p->slot].reserved_bytes, p->reservation.bytes,
			      memory_order_relaxed);
}

/* A slot, memory and a log for a new publication; NULL when one of them is not to be had. */
static struct publication *reserve(struct publish_table *table, uint64_t now_us)
{
	table->refused = DP_COUNTER_publish_no_slot;
	if (table->active_count == table->count) {
		return NULL;
	}
	struct publication *p = publish_active(table, table->active_count);
	if (table->pressure >= PUBLISH_PRESSURE_TIGHT ||
	    !publish_admission_open(&table->admission, &p->reservation, now_us)) {
		table->refused = DP_COUNTER_publish_no_memory;
		return NULL;
	}
	log_open(&p->log, &table->pool, &table->streams[p->slot]);
	return p;
}

struct publication *publish_open(struct publish_table *table, const struct publish_request *request)
{
	struct publication *p = reserve(table, request->now_us);
	if (!p) {
		return NULL;
	}
	table->active_count++;
	prepare(table, p, request);
	show_reservation(table, p);
	if (!try_tell(table, p, ABI_EVENT_PUBLISH, request->now_us)) {
		publish_retire(table, p);
		publish_free(table, p);
		return NULL;
	}
	return p;
}

void publish_retire(struct publish_table *table, struct publication *p)
{
	table->ending_count += p->state != ABI_STREAM_ENDED;
	p->closing = true;
	p->session = NULL;
	p->owed = 0;
	set_generation(table, p, p->generation + 1);
	set_state(table, p, ABI_STREAM_FREE);
}

static void exchange(struct publish_table *table, struct publication *a, struct publication *b)
{
	uint32_t place = a->place;

	a->place = b->place;
	b->place = place;
	table->slots[a->place] = a->slot;
	table->slots[b->place] = b->slot;
}

void publish_free(struct publish_table *table, struct publication *p)
{
	struct abi_stream *s = &table->streams[p->slot];

	publish_header_close(&table->pool, s);
	log_close(&p->log);
	publish_admission_close(&table->admission, &p->reservation);
	show_reservation(table, p);
	memset(s->asked, 0, sizeof(s->asked)); /* holds the key */
	table->active_count--;
	table->ending_count--;
	exchange(table, p, publish_active(table, table->active_count));
}

struct publication *publish_find(struct publish_table *table, uint32_t slot, uint64_t generation)
{
	if (slot >= table->count || generation % 2 == 0) {
		return NULL;
	}
	struct publication *p = &table->publications[slot];
	return p->generation == generation ? p : NULL;
}

void publish_say_why(struct publish_table *table, const struct publication *p, uint32_t reason,
		     uint32_t error)
{
	struct abi_stream *s = &table->streams[p->slot];

	atomic_store_explicit(&s->end_reason, reason, memory_order_relaxed);
	atomic_store_explicit(&s->end_error, error, memory_order_relaxed);
}

bool publish_has_media(const struct publish_table *table, const struct publication *p)
{
	const struct abi_stream *s = &table->streams[p->slot];

	return atomic_load_explicit(&s->video_messages, memory_order_relaxed) != 0 ||
	       atomic_load_explicit(&s->audio_messages, memory_order_relaxed) != 0;
}

void publish_live(struct publish_table *table, struct publication *p, const char *name,
		  const struct publish_limits *limits, uint64_t now_us)
{
	assert(p->state == ABI_STREAM_PENDING);
	p->lived = true;
	p->live_us = now_us;
	p->limits = *limits;
	copy_text(table->streams[p->slot].name, name, ABI_NAME_MAX);
	set_state(table, p, ABI_STREAM_LIVE);
	publish_tell(table, p, ABI_EVENT_LIVE, now_us);
	publish_announce(table, p);
}

void publish_settle(struct publish_table *table, struct publication *p)
{
	struct abi_stream *s = &table->streams[p->slot];

	publish_admission_settle(&table->admission, &p->reservation, p->log.pinned);
	show_reservation(table, p);
	atomic_store_explicit(&s->partial_bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&s->ooo_bytes, 0, memory_order_relaxed);
}

void publish_end(struct publish_table *table, struct publication *p, uint64_t now_us)
{
	dp_count(table->counters, DP_COUNTER_publish_ended, 1);
	p->session = NULL;
	p->ended_us = now_us;
	publish_settle(table, p);
	table->ending_count++;
	set_state(table, p, ABI_STREAM_ENDED);
	publish_tell(table, p, ABI_EVENT_ENDED, now_us);
	if (!p->lived && !p->owed) {
		publish_retire(table, p);
	}
}

void publish_measure(struct publish_table *table, struct publication *p, uint64_t partial,
		     uint64_t ooo, uint64_t now_us)
{
	struct abi_stream *s = &table->streams[p->slot];

	publish_admission_measure(&table->admission, &p->reservation, p->log.pinned + partial + ooo,
				  p->gops.longest, table->sub, now_us);
	show_reservation(table, p);
	atomic_store_explicit(&s->partial_bytes, partial, memory_order_relaxed);
	atomic_store_explicit(&s->ooo_bytes, ooo, memory_order_relaxed);
}

void publish_flush(struct publish_table *table, uint64_t now_us)
{
	for (uint32_t i = 0; i < table->dirty_count; i++) {
		table->publications[table->dirty[i]].announced = false;
		publish_notify_news(&table->notify, table->dirty[i]);
	}
	table->dirty_count = 0;
	publish_notify_wake(&table->notify, table->sub, now_us);
}
