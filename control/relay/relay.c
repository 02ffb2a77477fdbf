#include "relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"
#include "news.h"
#include "stream.h"
#include "text.h"

#define EVENTS_MAX            256
#define SHED_US               UINT64_C(10000) /* between two GOPs given up under pressure */
#define FREE_LOW(free, total) ((free) < (total) / 3)

TAILQ_HEAD(stream_list, relay_stream);

struct relay {
	struct relay_context context;
	pthread_t thread;
	struct relay_stream **slots; /* [slots_count]; guarded for readers */
	uint32_t slots_count;
	struct stream_list streams; /* guarded for readers */
	struct stream_list dirty;
	struct news news;
	uint64_t serial;
	uint64_t tick_us;              /* next */
	uint64_t shed_us;              /* last */
	uint64_t flush_deadline_us;    /* of a shutdown, 0: over */
	uint64_t shutdown_deadline_us; /* or of having let go */
	bool stop;
	bool joined; /* main thread's */
	_Atomic bool stopped;
	_Atomic bool gone; /* has let go */
	_Atomic uint64_t progress;
};

const struct relay_settings relay_settings_default = {
	.tick_us = 100 * US_PER_MS,
	.connect_us = 5 * US_PER_S,
	.handshake_us = 5 * US_PER_S,
	.first_chance_us = 5 * US_PER_S,
	.return_us = 30 * US_PER_S,
	.ack_us = 3 * US_PER_S,
	.drain_us = 10 * US_PER_S,
	.behind_us = 500 * US_PER_MS,
	.backoff_min_us = 500 * US_PER_MS,
	.backoff_max_us = 10 * US_PER_S,
	.backoff_reset_us = 10 * US_PER_S,
	.shutdown_us = 1 * US_PER_S,
};

const char *relay_counter_name(enum relay_counter counter)
{
	static const char *const names[RELAY_COUNTER_COUNT] = {
#define RELAY_COUNTER_NAME(name, sentence) [RELAY_COUNTER_##name] = #name,
		RELAY_COUNTERS(RELAY_COUNTER_NAME)
#undef RELAY_COUNTER_NAME
	};

	return names[counter];
}

uint64_t relay_counter(const struct relay *relay, enum relay_counter counter)
{
	return atomic_load_explicit(&relay->context.counters[counter], memory_order_relaxed);
}

/* One writer; the main thread only wants to see it move. */
static void count_progress(struct relay *relay)
{
	relay_add(&relay->progress, 1);
}

static void mark_dirty(struct relay *relay, struct relay_stream *stream)
{
	if (!stream->dirty) {
		stream->dirty = true;
		TAILQ_INSERT_TAIL(&relay->dirty, stream, dirty_link);
	}
}

static struct relay_stream *find_slot(struct relay *relay, uint32_t slot, uint64_t generation)
{
	struct relay_stream *stream = NULL;

	if (slot < relay->slots_count) {
		stream = relay->slots[slot];
	}
	return stream && stream->generation == generation ? stream : NULL;
}

/* Mail */

static void adopt(struct relay *relay, const struct mail *mail, uint64_t now_us)
{
	struct relay_stream *stream;

	if (find_slot(relay, mail->slot, mail->generation)) {
		return;
	}
	stream = stream_create(&relay->context, mail->slot, mail->generation, mail->app, mail->name,
			       now_us);
	if (!stream) {
		journal(CONFIG_LOG_ERROR, "stream.no_memory", "{s:s, s:s}", "app", mail->app->name,
			"name", mail->name);
		return;
	}
	stream->serial = ++relay->serial;
	pthread_mutex_lock(&relay->context.lock);
	relay->slots[mail->slot] = stream; /* one before it lingers in the list until it is over */
	TAILQ_INSERT_TAIL(&relay->streams, stream, link);
	pthread_mutex_unlock(&relay->context.lock);
	stream_start(stream, now_us);
	mark_dirty(relay, stream);
}

static void resolved(struct relay *relay, struct mail *mail, uint64_t now_us)
{
	struct relay_stream *stream;

	TAILQ_FOREACH (stream, &relay->streams, link) {
		if (stream->serial == mail->stream) {
			origin_resolved(&stream->origins[mail->index], mail, now_us);
			return;
		}
	}
}

static void shut_down_streams(struct relay *relay, bool at_once, uint64_t now_us)
{
	struct relay_stream *stream;

	TAILQ_FOREACH (stream, &relay->streams, link) {
		stream_shutdown(stream, at_once, now_us);
		mark_dirty(relay, stream);
	}
}

/*
 * What is in the logs goes out as far as origins take it, for most of the time; the rest of the
 * time is for closing in order. Nothing is released any more: the successor begins where each
 * origin's acknowledgements end.
 */
static void begin_shutdown(struct relay *relay, uint64_t now_us)
{
	uint64_t shutdown_us = relay->context.settings.shutdown_us;

	relay->context.shutdown = true;
	relay->flush_deadline_us = now_us + shutdown_us / 2;
	relay->shutdown_deadline_us = now_us + shutdown_us;
	shut_down_streams(relay, false, now_us);
}

static void end_flush(struct relay *relay, uint64_t now_us)
{
	if (relay->flush_deadline_us != 0 && now_us >= relay->flush_deadline_us) {
		relay->flush_deadline_us = 0;
		shut_down_streams(relay, true, now_us);
	}
}

static void let_go(struct relay *relay, uint64_t now_us)
{
	struct relay_context *context = &relay->context;
	struct relay_stream *stream;

	if (context->let_go) {
		return;
	}
	(void)epoll_ctl(context->epoll_fd, EPOLL_CTL_DEL, context->source.news_fd, NULL);
	TAILQ_FOREACH (stream, &relay->streams, link) {
		stream_let_go(stream, now_us);
		mark_dirty(relay, stream);
		count_progress(relay);
	}
	context->let_go = true;
	relay->shutdown_deadline_us = now_us + context->settings.drain_us;
	/* Release: all our reads and writes of the mappings are over. */
	atomic_store_explicit(&relay->gone, true, memory_order_release);
}

static void hang(void)
{
	for (;;) {
		(void)pause();
	}
}

static void handle_mail(struct relay *relay, struct mail *mail, uint64_t now_us)
{
	struct relay_stream *stream;

	switch (mail->type) {
	case MAIL_ADOPT:
		adopt(relay, mail, now_us);
		break;
	case MAIL_ENDED:
		stream = find_slot(relay, mail->slot, mail->generation);
		if (stream) {
			mark_dirty(relay, stream); /* it sees the state for itself */
		}
		break;
	case MAIL_RESOLVED:
		resolved(relay, mail, now_us);
		break;
	case MAIL_SHUTDOWN:
		begin_shutdown(relay, now_us);
		break;
	case MAIL_LET_GO:
		let_go(relay, now_us);
		break;
	case MAIL_HANG:
		hang();
		break;
	case MAIL_STOP:
		relay->stop = true;
		break;
	}
}

static void read_mail(struct relay *relay, uint64_t now_us)
{
	struct mail *mail = mailbox_take(&relay->context.mailbox);

	while (mail) {
		struct mail *next = mail->next;

		handle_mail(relay, mail, now_us);
		mail_destroy(mail);
		mail = next;
	}
}

/* News */

static void mark_all(struct relay *relay)
{
	struct relay_stream *stream;

	relay_count(&relay->context, RELAY_COUNTER_relay_news_overrun, 1);
	TAILQ_FOREACH (stream, &relay->streams, link) {
		mark_dirty(relay, stream);
	}
}

static void mark_slot(void *app, uint32_t slot)
{
	struct relay *relay = app;

	if (slot < relay->slots_count && relay->slots[slot]) {
		mark_dirty(relay, relay->slots[slot]);
	}
}

static void read_news(struct relay *relay)
{
	if (!news_read(&relay->news, mark_slot, relay)) {
		mark_all(relay);
	}
}

/* Turns of the loop */

static void update_pressure(struct relay *relay)
{
	const struct abi_pub *pub = relay->context.source.pub;
	uint64_t packets = atomic_load_explicit(&pub->packets_free, memory_order_relaxed);
	uint64_t packets_total = atomic_load_explicit(&pub->packets_total, memory_order_relaxed);
	uint64_t blocks = atomic_load_explicit(&pub->blocks_free, memory_order_relaxed);

	relay->context.pressure = packets_total > 0 && (FREE_LOW(packets, packets_total) ||
							FREE_LOW(blocks, pub->blocks));
}

/*
 * With no GOP left to give up, moves on the origin that is furthest behind. Their own bounds are
 * no help here: a hundred streams whose origin stalls hold more than there is, each within its own.
 */
static void shed_behind(struct relay *relay, uint64_t now_us)
{
	struct relay_stream *furthest = NULL;
	struct relay_stream *stream;

	TAILQ_FOREACH (stream, &relay->streams, link) {
		if (stream_behind(stream) > (furthest ? stream_behind(furthest) : 0)) {
			furthest = stream;
		}
	}
	if (furthest) {
		stream_drop_behind(furthest, now_us);
		mark_dirty(relay, furthest);
	}
}

/* Gives up the longest GOP kept; its stream goes on for everybody who is connected. */
static void shed(struct relay *relay, uint64_t now_us)
{
	struct relay_stream *longest = NULL;
	struct relay_stream *stream;

	if (!relay->context.pressure || now_us - relay->shed_us < SHED_US) {
		return;
	}
	relay->shed_us = now_us;
	TAILQ_FOREACH (stream, &relay->streams, link) {
		if (stream_gop_bytes(stream) > (longest ? stream_gop_bytes(longest) : 0)) {
			longest = stream;
		}
	}
	if (longest) {
		stream_drop_gop(longest);
		mark_dirty(relay, longest);
	} else {
		shed_behind(relay, now_us);
	}
}

static void tick(struct relay *relay, uint64_t now_us)
{
	struct relay_stream *stream;

	if (now_us < relay->tick_us) {
		return;
	}
	relay->tick_us = now_us + relay->context.settings.tick_us;
	TAILQ_FOREACH (stream, &relay->streams, link) {
		stream_tick(stream, now_us);
		mark_dirty(relay, stream);
	}
}

static void reap(struct relay *relay, struct relay_stream *stream)
{
	pthread_mutex_lock(&relay->context.lock);
	if (relay->slots[stream->slot] == stream) {
		relay->slots[stream->slot] = NULL;
	}
	TAILQ_REMOVE(&relay->streams, stream, link);
	pthread_mutex_unlock(&relay->context.lock);
	stream_destroy(stream);
}

/* Every stream of the queue once; those that did not come to an end go to its back. */
static void pump(struct relay *relay, uint64_t now_us)
{
	struct stream_list round = TAILQ_HEAD_INITIALIZER(round);

	TAILQ_CONCAT(&round, &relay->dirty, dirty_link);
	while (!TAILQ_EMPTY(&round)) {
		struct relay_stream *stream = TAILQ_FIRST(&round);

		TAILQ_REMOVE(&round, stream, dirty_link);
		stream->dirty = false;
		count_progress(relay);
		if (stream_pump(stream, now_us)) {
			mark_dirty(relay, stream);
		}
		if (stream_over(stream) && !stream->dirty) {
			reap(relay, stream);
		}
	}
}

static int wait_ms(const struct relay *relay, uint64_t now_us)
{
	if (!TAILQ_EMPTY(&relay->dirty) || now_us >= relay->tick_us) {
		return 0;
	}
	return (int)((relay->tick_us - now_us + US_PER_MS - 1) / US_PER_MS);
}

/* Sleeps until there is something to do. */
static int sleep_and_wait(struct relay *relay, struct epoll_event *events, uint64_t now_us)
{
	int timeout = wait_ms(relay, now_us);
	int count;

	if (relay->context.let_go) {
		return epoll_wait(relay->context.epoll_fd, events, EVENTS_MAX, timeout);
	}
	if (!news_begin_sleep(&relay->news)) {
		timeout = 0;
	}
	count = epoll_wait(relay->context.epoll_fd, events, EVENTS_MAX, timeout);
	news_end_sleep(&relay->news);
	return count;
}

static void dispatch(struct relay *relay, const struct epoll_event *event, uint64_t now_us)
{
	if (event->data.ptr == &relay->news) {
		eventfd_t ignored;

		(void)eventfd_read(relay->context.source.news_fd, &ignored);
	} else if (event->data.ptr == &relay->context.mailbox) {
		read_mail(relay, now_us);
	} else {
		struct origin *origin = event->data.ptr;

		origin_event(origin, event->events, now_us);
		mark_dirty(relay, origin->stream);
	}
}

static bool done(const struct relay *relay, uint64_t now_us)
{
	bool ending = relay->context.shutdown || relay->context.let_go;

	return relay->stop ||
	       (ending && (TAILQ_EMPTY(&relay->streams) || now_us >= relay->shutdown_deadline_us));
}

static void look_at_worker(struct relay *relay, uint64_t now_us)
{
	read_news(relay);
	update_pressure(relay);
	shed(relay, now_us);
}

static void *relay_main(void *arg)
{
	struct epoll_event events[EVENTS_MAX];
	struct relay *relay = arg;
	uint64_t now_us = clock_us();

	while (!done(relay, now_us)) {
		int count = sleep_and_wait(relay, events, now_us);

		now_us = clock_us();
		for (int i = 0; i < count; i++) {
			dispatch(relay, &events[i], now_us);
		}
		if (relay->stop) {
			break;
		}
		count_progress(relay);
		if (!relay->context.let_go) {
			look_at_worker(relay, now_us);
		}
		end_flush(relay, now_us);
		tick(relay, now_us);
		pump(relay, now_us);
	}
	atomic_store_explicit(&relay->stopped, true, memory_order_release);
	return NULL;
}

/* Life */

static int watch(struct relay *relay, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(relay->context.epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void view_init(struct log_view *view, const struct relay_source *source)
{
	const uint8_t *base = (const uint8_t *)source->pub;

	view->units = (const union abi_log_unit *)(base + source->pub->blocks_offset);
	view->block_next = (const _Atomic uint32_t *)(base + source->pub->block_next_offset);
	view->blocks = source->pub->blocks;
	view->regions = source->regions;
}

static int context_init(struct relay_context *context, const struct relay_source *source,
			const struct relay_settings *settings, struct resolver *resolver)
{
	context->source = *source;
	context->settings = *settings;
	context->resolver = resolver;
	view_init(&context->view, source);
	if (getrandom(&context->random, sizeof(context->random), 0) < 0 || context->random == 0) {
		context->random = clock_us() | 1;
	}
	context->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (context->epoll_fd < 0) {
		return -1;
	}
	if (mailbox_init(&context->mailbox)) {
		close(context->epoll_fd);
		return -1;
	}
	pthread_mutex_init(&context->lock, NULL);
	return 0;
}

static void context_fini(struct relay_context *context)
{
	pthread_mutex_destroy(&context->lock);
	mailbox_fini(&context->mailbox);
	close(context->epoll_fd);
}

struct relay *relay_create(const struct relay_source *source, const struct relay_settings *settings,
			   struct resolver *resolver)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	char name[16]; /* of a thread, man 3 pthread_setname_np */

	if (!relay) {
		return NULL;
	}
	TAILQ_INIT(&relay->streams);
	TAILQ_INIT(&relay->dirty);
	relay->slots_count = source->pub->streams;
	relay->slots = calloc(relay->slots_count, sizeof(struct relay_stream *));
	if (!relay->slots || context_init(&relay->context, source, settings, resolver)) {
		goto free_relay;
	}
	news_init(&relay->news, source->pub, source->sub);
	if (watch(relay, source->news_fd, &relay->news) ||
	    watch(relay, relay->context.mailbox.fd, &relay->context.mailbox) ||
	    pthread_create(&relay->thread, NULL, relay_main, relay)) {
		goto fini_context;
	}
	(void)snprintf(name, sizeof(name), "relay-%u", source->worker);
	(void)pthread_setname_np(relay->thread, name);
	return relay;

fini_context:
	context_fini(&relay->context);
free_relay:
	free(relay->slots);
	free(relay);
	return NULL;
}

void relay_stop(struct relay *relay)
{
	struct mail *mail = NULL;

	if (relay->joined) {
		return;
	}
	while (!(mail = mail_create(MAIL_STOP))) {
		usleep(1000); /* the thread must end before the mappings do */
	}
	mailbox_post(&relay->context.mailbox, mail);
	pthread_join(relay->thread, NULL);
	resolver_forget(relay->context.resolver, &relay->context.mailbox);
	relay->joined = true;
}

void relay_destroy(struct relay *relay)
{
	if (!relay) {
		return;
	}
	relay_stop(relay);
	while (!TAILQ_EMPTY(&relay->streams)) {
		reap(relay, TAILQ_FIRST(&relay->streams));
	}
	context_fini(&relay->context);
	free(relay->slots);
	free(relay);
}

static void post(struct relay *relay, enum mail_type type)
{
	struct mail *mail = mail_create(type);

	if (mail) {
		mailbox_post(&relay->context.mailbox, mail);
	}
}

void relay_shutdown(struct relay *relay)
{
	post(relay, MAIL_SHUTDOWN);
}

void relay_let_go(struct relay *relay)
{
	post(relay, MAIL_LET_GO);
}

bool relay_has_let_go(const struct relay *relay)
{
	/* Acquire: pairs with let_go(). A thread that has ended touches nothing either. */
	return atomic_load_explicit(&relay->gone, memory_order_acquire) || relay_stopped(relay);
}

uint64_t relay_progress(const struct relay *relay)
{
	return atomic_load_explicit(&relay->progress, memory_order_relaxed);
}

void relay_hang(struct relay *relay)
{
	post(relay, MAIL_HANG);
}

bool relay_stopped(const struct relay *relay)
{
	return atomic_load_explicit(&relay->stopped, memory_order_acquire);
}

int relay_adopt(struct relay *relay, uint32_t slot, uint64_t generation,
		const struct config_app *app, const char *name)
{
	struct mail *mail = mail_create(MAIL_ADOPT);

	if (!mail) {
		return -1;
	}
	mail->slot = slot;
	mail->generation = generation;
	mail->app = app;
	text_copy(mail->name, sizeof(mail->name), name);
	mailbox_post(&relay->context.mailbox, mail);
	return 0;
}

void relay_ended(struct relay *relay, uint32_t slot, uint64_t generation)
{
	struct mail *mail = mail_create(MAIL_ENDED);

	if (!mail) {
		return; /* the next tick looks at every stream anyway */
	}
	mail->slot = slot;
	mail->generation = generation;
	mailbox_post(&relay->context.mailbox, mail);
}

size_t relay_origins(struct relay *relay, uint32_t slot, uint64_t generation,
		     struct origin_status *out, size_t max)
{
	const struct relay_stream *stream;
	size_t count = 0;

	pthread_mutex_lock(&relay->context.lock);
	stream = find_slot(relay, slot, generation);
	for (; stream && count < stream->origins_count && count < max; count++) {
		origin_status(&stream->origins[count], &out[count]);
	}
	pthread_mutex_unlock(&relay->context.lock);
	return count;
}

uint64_t relay_kept_bytes(struct relay *relay, uint32_t slot, uint64_t generation)
{
	const struct relay_stream *stream;
	uint64_t bytes = 0;

	pthread_mutex_lock(&relay->context.lock);
	stream = find_slot(relay, slot, generation);
	if (stream) {
		bytes = atomic_load_explicit(&stream->kept_bytes, memory_order_relaxed);
	}
	pthread_mutex_unlock(&relay->context.lock);
	return bytes;
}
