/*
 * The thread of a relay: mail, news, ticks, and every stream that has something to do.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"
#include "recorder.h"
#include "relay_private.h"

#define EVENTS_MAX            256
#define SHED_US               UINT64_C(10000) /* between two GOPs given up under pressure */
#define FREE_LOW(free, total) ((free) < (total) / 3)

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

struct relay_stream *relay_find(struct relay *relay, uint32_t slot, uint64_t generation)
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

	if (relay_find(relay, mail->slot, mail->generation)) {
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

static void record(struct relay *relay, struct mail *mail)
{
	static const char none[] = "{\"ok\":false,\"error\":\"no such stream\"}\n";
	struct relay_stream *stream = relay_find(relay, mail->slot, mail->generation);

	if (stream) {
		stream_record(stream, mail->fd);
		mark_dirty(relay, stream);
	} else {
		stream_record_refuse(&relay->context, mail->fd, none, sizeof(none) - 1);
	}
	mail->fd = -1;
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
		stream = relay_find(relay, mail->slot, mail->generation);
		if (stream) {
			mark_dirty(relay, stream); /* it sees the state for itself */
		}
		break;
	case MAIL_RESOLVED:
		resolved(relay, mail, now_us);
		break;
	case MAIL_RECORD:
		record(relay, mail);
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

	relay->context.pressure =
		packets_total > 0 && (FREE_LOW(packets, packets_total) ||
				      FREE_LOW(blocks, relay->context.source.layout->blocks));
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

void relay_reap(struct relay *relay, struct relay_stream *stream)
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
			relay_reap(relay, stream);
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

/* Clients of recordings that can take more, or hung up. */
static void look_at_clients(struct relay *relay)
{
	struct epoll_event events[RECORDERS_MAX];
	int count = epoll_wait(relay->context.record_fd, events, (int)RECORDERS_MAX, 0);

	for (int i = 0; i < count; i++) {
		struct recorder *recorder = events[i].data.ptr;

		recorder_event(recorder, events[i].events);
		mark_dirty(relay, recorder->stream);
	}
}

static void dispatch(struct relay *relay, const struct epoll_event *event, uint64_t now_us)
{
	if (event->data.ptr == &relay->news) {
		eventfd_t ignored;

		(void)eventfd_read(relay->context.source.news_fd, &ignored);
	} else if (event->data.ptr == &relay->context.mailbox) {
		read_mail(relay, now_us);
	} else if (event->data.ptr == &relay->context.record_fd) {
		look_at_clients(relay);
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

void *relay_main(void *arg)
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
