#include "relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "relay_private.h"
#include "text.h"

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

/* Life */

static int watch(struct relay *relay, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(relay->context.epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void view_init(struct log_view *view, const struct relay_source *source)
{
	const uint8_t *base = (const uint8_t *)source->pub;

	view->units = (const union abi_log_unit *)(base + source->layout->blocks_offset);
	view->block_next = (const _Atomic uint32_t *)(base + source->layout->block_next_offset);
	view->blocks = source->layout->blocks;
	view->regions = source->regions;
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
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
	context->record_fd = epoll_create1(EPOLL_CLOEXEC);
	if (context->epoll_fd < 0 || context->record_fd < 0 || mailbox_init(&context->mailbox)) {
		close_fd(context->record_fd);
		close_fd(context->epoll_fd);
		return -1;
	}
	pthread_mutex_init(&context->lock, NULL);
	return 0;
}

static void context_fini(struct relay_context *context)
{
	pthread_mutex_destroy(&context->lock);
	mailbox_fini(&context->mailbox);
	close(context->record_fd);
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
	relay->slots_count = source->layout->streams;
	relay->slots = calloc(relay->slots_count, sizeof(struct relay_stream *));
	if (!relay->slots || context_init(&relay->context, source, settings, resolver)) {
		goto free_relay;
	}
	news_init(&relay->news, source->pub, source->layout->news_offset, source->sub);
	if (watch(relay, source->news_fd, &relay->news) ||
	    watch(relay, relay->context.mailbox.fd, &relay->context.mailbox) ||
	    watch(relay, relay->context.record_fd, &relay->context.record_fd) ||
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
		relay_reap(relay, TAILQ_FIRST(&relay->streams));
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

int relay_record(struct relay *relay, uint32_t slot, uint64_t generation, int fd)
{
	struct mail *mail = mail_create(MAIL_RECORD);

	if (!mail) {
		close(fd);
		return -1;
	}
	mail->slot = slot;
	mail->generation = generation;
	mail->fd = fd;
	atomic_fetch_add_explicit(&relay->context.recorders, 1, memory_order_relaxed);
	mailbox_post(&relay->context.mailbox, mail);
	return 0;
}

uint32_t relay_recorders(const struct relay *relay)
{
	return atomic_load_explicit(&relay->context.recorders, memory_order_relaxed);
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
	stream = relay_find(relay, slot, generation);
	for (; stream && count < stream->origins_count && count < max; count++) {
		origin_status(&stream->origins[count], &out[count]);
	}
	pthread_mutex_unlock(&relay->context.lock);
	return count;
}

bool relay_insight(struct relay *relay, uint32_t slot, uint64_t generation,
		   struct stream_insight *out)
{
	const struct relay_stream *stream;

	pthread_mutex_lock(&relay->context.lock);
	stream = relay_find(relay, slot, generation);
	insight_read(stream ? stream->insight : NULL, out);
	pthread_mutex_unlock(&relay->context.lock);
	return stream != NULL;
}

bool relay_timeline(struct relay *relay, uint32_t slot, uint64_t generation,
		    struct timeline_status *out)
{
	const struct relay_stream *stream;

	pthread_mutex_lock(&relay->context.lock);
	stream = relay_find(relay, slot, generation);
	if (stream) {
		timeline_status(&stream->timeline, out);
	}
	pthread_mutex_unlock(&relay->context.lock);
	return stream != NULL;
}

uint64_t relay_kept_bytes(struct relay *relay, uint32_t slot, uint64_t generation)
{
	const struct relay_stream *stream;
	uint64_t bytes = 0;

	pthread_mutex_lock(&relay->context.lock);
	stream = relay_find(relay, slot, generation);
	if (stream) {
		bytes = atomic_load_explicit(&stream->kept_bytes, memory_order_relaxed);
	}
	pthread_mutex_unlock(&relay->context.lock);
	return bytes;
}
