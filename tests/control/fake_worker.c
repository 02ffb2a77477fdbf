#include "fake_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi/ref.h"

#define SEGMENT_START 64u /* payload stands so far behind the (imagined) mbuf */

static uint64_t place(uint64_t *at, uint64_t size)
{
	uint64_t offset = (*at + 4095) / 4096 * 4096;

	*at = offset + size;
	return offset;
}

static void lay_out(struct abi_pub *pub)
{
	uint64_t at = sizeof(*pub);

	pub->streams_offset = place(&at, FAKE_STREAMS * sizeof(struct abi_stream));
	pub->block_next_offset = place(&at, FAKE_BLOCKS * sizeof(uint32_t));
	pub->blocks_offset = place(&at, FAKE_BLOCKS * sizeof(struct abi_log_block));
	pub->events_offset = place(&at, ABI_EVENT_RING * sizeof(struct abi_event));
	pub->news_offset = place(&at, ABI_NEWS_RING * sizeof(uint32_t));
	pub->counter_names_offset = place(&at, 3 * sizeof(struct abi_counter));
	pub->trace_records = FAKE_TRACE_RECORDS;
	pub->trace_offset = place(&at, abi_trace_size(FAKE_TRACE_RECORDS));
	pub->trace_events_offset = place(&at, 3 * sizeof(struct abi_trace_event));
	pub->names_offset = place(&at, 4 * sizeof(struct abi_name));
	pub->page_offset = place(&at, sizeof(struct abi_page));
	pub->players = FAKE_PLAYERS;
	pub->players_offset = place(&at, FAKE_PLAYERS * sizeof(struct abi_player));
	pub->size = (at + 4095) / 4096 * 4096;
}

static void *make_memory(int *fd, uint64_t size)
{
	void *base;

	*fd = memfd_create("fake", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)size)) {
		return NULL;
	}
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return base == MAP_FAILED ? NULL : base;
}

static void count_put(void *app, const uint64_t *refs, uint32_t count)
{
	struct fake_worker *w = app;

	(void)refs;
	w->given_back += count;
}

/* Two states, three events. */
static void describe(struct abi_pub *pub)
{
	struct abi_name *names = (struct abi_name *)((uint8_t *)pub + pub->names_offset);
	struct abi_trace_event *events =
		(struct abi_trace_event *)((uint8_t *)pub + pub->trace_events_offset);

	strcpy(names[0].text, "CLOSED");
	strcpy(names[1].text, "OPEN");
	strcpy(names[2].text, "drop_source_limit");
	pub->names = 3;
	pub->tcp_states = (struct abi_names){0, 2};
	events[0] = (struct abi_trace_event){
		.name = "first",
		.argument = {{.name = "to", .kind = ABI_TRACE_NAMED, .names = {0, 2}}}};
	events[1] =
		(struct abi_trace_event){.name = "second",
					 .argument = {{.name = "n", .kind = ABI_TRACE_NUMBER},
						      {.name = "from", .kind = ABI_TRACE_ADDRESS}}};
	events[2] = (struct abi_trace_event){
		.name = "refused",
		.argument = {{.name = "counter", .kind = ABI_TRACE_NAMED, .names = {1, 2}},
			     {.name = "address", .kind = ABI_TRACE_ADDRESS}}};
	pub->trace_events = 3;
}

static void fill_pub(struct fake_worker *w, const struct abi_pub *layout)
{
	struct abi_counter *names;

	*w->pub = *layout;
	w->pub->magic = ABI_MAGIC;
	w->pub->version = ABI_VERSION;
	w->pub->generation = 77;
	w->pub->streams = FAKE_STREAMS;
	w->pub->blocks = FAKE_BLOCKS;
	w->pub->counters = 3;
	names = (struct abi_counter *)((uint8_t *)w->pub + w->pub->counter_names_offset);
	strcpy(names[0].name, "rx_packets");
	strcpy(names[1].name, "tx_packets");
	strcpy(names[2].name, "tcp_drop_source_limit");
	describe(w->pub);
	w->pub->counter[0] = 5;
	w->pub->blocks_free = FAKE_BLOCKS;
	w->pub->packets_free = 1000;
	w->pub->packets_total = 1000;
	w->sub->magic = ABI_MAGIC;
	w->sub->version = ABI_VERSION;
	w->sub->generation = 77;
	w->sub->epoch = 1;
	w->sub->streams = FAKE_STREAMS;
}

int fake_worker_init(struct fake_worker *w)
{
	struct abi_pub layout;
	uint8_t *base;

	memset(w, 0, sizeof(*w));
	memset(&layout, 0, sizeof(layout));
	lay_out(&layout);
	w->pub_size = layout.size;
	w->sub_size = abi_sub_size(FAKE_STREAMS);
	w->packets = make_memory(&w->packets_memfd, FAKE_PACKETS);
	w->pub = make_memory(&w->pub_memfd, w->pub_size);
	w->sub = make_memory(&w->sub_memfd, w->sub_size);
	w->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->events_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->commands_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!w->packets || !w->pub || !w->sub) {
		return -1;
	}
	fill_pub(w, &layout);
	w->regions.regions[0].base = w->packets;
	w->regions.regions[0].size = FAKE_PACKETS;
	base = (uint8_t *)w->pub;
	if (log_pool_init(&w->pool, (struct abi_log_block *)(base + layout.blocks_offset),
			  (_Atomic uint32_t *)(base + layout.block_next_offset), FAKE_BLOCKS)) {
		return -1;
	}
	w->pool.truesize = 2368;
	w->pool.put = count_put;
	w->pool.app = w;
	return 0;
}

void fake_worker_fini(struct fake_worker *w)
{
	log_pool_fini(&w->pool);
	munmap(w->packets, FAKE_PACKETS);
	munmap(w->pub, w->pub_size);
	munmap(w->sub, w->sub_size);
	close(w->packets_memfd);
	close(w->pub_memfd);
	close(w->sub_memfd);
	close(w->news_fd);
	close(w->events_fd);
	close(w->commands_fd);
}

struct abi_stream *fake_stream(struct fake_worker *w, uint32_t slot)
{
	return (struct abi_stream *)((uint8_t *)w->pub + w->pub->streams_offset) + slot;
}

void fake_attach(struct fake_worker *w)
{
	struct publish_resume positions[FAKE_STREAMS];
	struct abi_sub *sub = w->sub;
	struct abi_resume *resume = abi_sub_resume(sub, FAKE_STREAMS);
	uint64_t epoch = sub->epoch + 1;

	for (uint32_t i = 0; i < FAKE_STREAMS; i++) {
		const struct abi_stream *s = fake_stream(w, i);

		publish_resume_clear(&positions[i]);
		w->refused_positions +=
			publish_resume_take(&positions[i], &resume[i], s->generation, s->head);
	}
	memset(sub, 0, w->sub_size);
	sub->magic = ABI_MAGIC;
	sub->version = ABI_VERSION;
	sub->generation = 77;
	sub->epoch = epoch;
	sub->streams = FAKE_STREAMS;
	for (uint32_t i = 0; i < FAKE_STREAMS; i++) {
		const struct abi_stream *s = fake_stream(w, i);

		if (s->state == ABI_STREAM_LIVE || s->state == ABI_STREAM_ENDED) {
			sub->tail[i].position = s->reclaimed;
			sub->tail[i].generation = s->generation;
			publish_resume_give(&positions[i], &resume[i], s->generation, s->reclaimed);
		}
	}
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void fake_pending(struct fake_worker *w, uint32_t slot, uint64_t generation, const char *app,
		  const char *asked)
{
	struct abi_stream *s = fake_stream(w, slot);

	log_open(&w->logs[slot], &w->pool, s);
	s->header_block = ABI_LOG_NO_BLOCK;
	s->bytes = 0;
	s->messages = 0;
	s->video_messages = 0;
	s->started_us = now_us();
	strcpy(s->peer, "198.18.0.1:50000");
	snprintf(s->app, sizeof(s->app), "%s", app);
	snprintf(s->asked, sizeof(s->asked), "%s", asked);
	s->name[0] = '\0';
	atomic_store_explicit(&s->state, ABI_STREAM_PENDING, memory_order_release);
	atomic_store_explicit(&s->generation, generation, memory_order_release);
}

struct abi_header_block *fake_headers(struct fake_worker *w, uint32_t slot)
{
	uint32_t block = log_block_get(&w->pool);
	struct abi_header_block *headers = (void *)&w->pool.blocks[block];

	memset((void *)headers, 0, sizeof(*headers));
	fake_stream(w, slot)->header_block = block;
	return headers;
}

void fake_live(struct fake_worker *w, uint32_t slot, const char *name)
{
	struct abi_stream *s = fake_stream(w, slot);

	snprintf(s->name, sizeof(s->name), "%s", name);
	atomic_store_explicit(&s->state, ABI_STREAM_LIVE, memory_order_release);
}

static void wake(const _Atomic uint32_t *sleeping, int fd)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(sleeping, memory_order_relaxed)) {
		eventfd_write(fd, 1);
	}
}

static void news(struct fake_worker *w, uint32_t slot)
{
	_Atomic uint32_t *ring = (_Atomic uint32_t *)((uint8_t *)w->pub + w->pub->news_offset);
	uint64_t head = w->pub->news_head;

	atomic_store_explicit(&ring[head % ABI_NEWS_RING], slot, memory_order_release);
	atomic_store_explicit(&w->pub->news_head, head + 1, memory_order_release);
	wake(&w->sub->news_sleeping, w->news_fd);
}

void fake_event(struct fake_worker *w, uint32_t type, uint32_t slot)
{
	struct abi_event *ring = (struct abi_event *)((uint8_t *)w->pub + w->pub->events_offset);
	uint64_t head = w->pub->event_head;

	ring[head % ABI_EVENT_RING] = (struct abi_event){
		.type = type, .slot = slot, .generation = fake_stream(w, slot)->generation};
	atomic_store_explicit(&w->pub->event_head, head + 1, memory_order_release);
	wake(&w->sub->event_sleeping, w->events_fd);
}

void fake_end(struct fake_worker *w, uint32_t slot)
{
	atomic_store_explicit(&fake_stream(w, slot)->state, ABI_STREAM_ENDED, memory_order_release);
	news(w, slot);
}

void fake_free(struct fake_worker *w, uint32_t slot)
{
	struct abi_stream *s = fake_stream(w, slot);

	atomic_store_explicit(&s->generation, s->generation + 1, memory_order_release);
	atomic_store_explicit(&s->state, ABI_STREAM_FREE, memory_order_release);
	(void)log_reclaim(&w->logs[slot], w->logs[slot].head, UINT32_MAX);
	log_close(&w->logs[slot]);
}

/* A segment of packet memory with `length` bytes of `m`, the n-th message, from `from` on. */
static uint64_t make_slice(struct fake_worker *w, const struct fake_message *m, uint64_t n,
			   uint32_t from, uint32_t length)
{
	uint64_t size = ((uint64_t)SEGMENT_START + length + 63) / 64 * 64;
	uint64_t segment;

	if (w->packet_at + size > FAKE_PACKETS) {
		w->packet_at = 0;
	}
	segment = w->packet_at;
	w->packet_at += size;
	for (uint32_t i = 0; i < length; i++) {
		w->packets[segment + SEGMENT_START + i] =
			m->data ? m->data[from + i] : fake_byte(n, from + i);
	}
	return abi_ref_make(0, segment, SEGMENT_START, length);
}

/* As rtmp_classify() would say. */
static uint8_t header_kind(const struct fake_message *m)
{
	bool video = m->type == 9;
	bool audio = m->type == 8;

	if (m->flags & ABI_LOG_SEQUENCE_HEADER) {
		return video ? ABI_HEADER_VIDEO : ABI_HEADER_AUDIO;
	}
	if (!(m->flags & ABI_LOG_METADATA)) {
		return ABI_HEADER_NONE;
	}
	if (audio) {
		return ABI_HEADER_CHANNELS;
	}
	return video ? ABI_HEADER_VIDEO_META : ABI_HEADER_METADATA;
}

bool fake_send(struct fake_worker *w, uint32_t slot, const struct fake_message *m)
{
	struct abi_stream *s = fake_stream(w, slot);
	struct log_writer *log = &w->logs[slot];
	uint64_t n = log->number;
	struct abi_log_entry entry = {
		.length = m->length,
		.slices = m->slice ? (m->length + m->slice - 1) / m->slice : 0,
		.timestamp = m->timestamp,
		.type = m->type,
		.flags = m->flags,
		.header = header_kind(m),
		.track = m->track,
		.arrived_us = m->arrived_us ? m->arrived_us : now_us(),
	};

	fake_reclaim(w, slot);
	if (log_begin(log, &entry)) {
		return false;
	}
	for (uint32_t at = 0; at < m->length; at += m->slice) {
		uint32_t length = m->length - at < m->slice ? m->length - at : m->slice;
		uint64_t ref = make_slice(w, m, n, at, length);

		log_put(log, &ref, 1);
	}
	log_commit(log);
	s->bytes += m->length;
	s->messages += 1;
	s->video_messages += m->type == 9;
	news(w, slot);
	return true;
}

void fake_reclaim(struct fake_worker *w, uint32_t slot)
{
	struct log_writer *log = &w->logs[slot];
	uint64_t generation = fake_stream(w, slot)->generation;
	struct abi_tail *tail = &w->sub->tail[slot];
	uint64_t position;

	if (atomic_load_explicit(&tail->generation, memory_order_acquire) != generation) {
		return;
	}
	position = atomic_load_explicit(&tail->position, memory_order_acquire);
	if (position == 0) {
		return;
	}
	if (position < log->reclaimed || position > log->head) {
		w->refused_tails++;
		return;
	}
	(void)log_reclaim(log, position, UINT32_MAX);
}

struct abi_player *fake_player(struct fake_worker *w, uint32_t slot)
{
	return (struct abi_player *)((uint8_t *)w->pub + w->pub->players_offset) + slot;
}

void fake_asks(struct fake_worker *w, uint32_t slot, uint64_t generation, const char *app,
	       const char *asked)
{
	static const uint8_t address[16] = {[10] = 0xff, 0xff, 198, 18, 0, 1};
	struct abi_player *p = fake_player(w, slot);

	p->connection = 100 + slot;
	memcpy(p->address, address, sizeof(address));
	(void)snprintf(p->peer, sizeof(p->peer), "198.18.0.1:5000%u", slot);
	(void)snprintf(p->app, sizeof(p->app), "%s", app);
	(void)snprintf(p->asked, sizeof(p->asked), "%s", asked);
	atomic_store_explicit(&p->state, ABI_PLAYER_ASKED, memory_order_relaxed);
	atomic_store_explicit(&p->generation, generation, memory_order_release);
	fake_event(w, ABI_EVENT_PLAY, slot);
}

void fake_plays(struct fake_worker *w, uint32_t slot, const char *name)
{
	struct abi_player *p = fake_player(w, slot);

	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	atomic_store_explicit(&p->state, ABI_PLAYER_PLAYING, memory_order_release);
}

void fake_leaves(struct fake_worker *w, uint32_t slot)
{
	struct abi_player *p = fake_player(w, slot);

	atomic_store_explicit(&p->generation, p->generation + 1, memory_order_release);
	atomic_store_explicit(&p->state, ABI_PLAYER_FREE, memory_order_release);
	fake_event(w, ABI_EVENT_PLAY_ENDED, slot);
}
