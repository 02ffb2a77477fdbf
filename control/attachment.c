#include "attachment.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "events.h"
#include "journal.h"
#include "sources.h"
#include "text.h"

#define ATTACH_US     (100 * US_PER_MS) /* between two attempts */
#define SILENT_US_MIN (5 * US_PER_S)    /* a worker starved for less is not dead */
#define LET_GO_US     (1 * US_PER_S)

void attachment_init(struct control *control)
{
	uint64_t limit_us = control->config->dataplane.control_timeout_ms * US_PER_MS;

	control->silent_us = limit_us > SILENT_US_MIN ? limit_us : SILENT_US_MIN;
	if (limit_us > 0 && control->relay_settings.tick_us > limit_us / 5) {
		control->relay_settings.tick_us = limit_us / 5;
	}
}

/* Relays */

/* Joined first: what it counted until its last turn is counted. */
static void drop_relay(struct control *control, struct relay *relay)
{
	relay_stop(relay);
	for (int c = 0; c < RELAY_COUNTER_COUNT; c++) {
		control->relay_totals[c] += relay_counter(relay, c);
	}
	relay_destroy(relay);
}

static void drop_relays(struct control *control)
{
	for (uint32_t i = 0; control->workers && i < control->dataplane.workers_count; i++) {
		if (control->workers[i].relay) {
			drop_relay(control, control->workers[i].relay);
		}
		free(control->workers[i].players);
	}
	free(control->workers);
	control->workers = NULL;
}

/* One that has let go of its worker ends its origins on its own. */
static void linger(struct control *control, struct relay *relay)
{
	for (uint32_t i = 0; i < CONTROL_LINGER_MAX; i++) {
		if (!control->lingering[i]) {
			control->lingering[i] = relay;
			return;
		}
	}
	drop_relay(control, relay);
}

static void reap_lingering(struct control *control, bool all)
{
	for (uint32_t i = 0; i < CONTROL_LINGER_MAX; i++) {
		if (control->lingering[i] && (all || relay_stopped(control->lingering[i]))) {
			drop_relay(control, control->lingering[i]);
			control->lingering[i] = NULL;
		}
	}
}

/* Detaching */

static void unwatch(const struct control *control)
{
	/* By hand: an eventfd that the dataplane still has would stay in the set when we close
	 * ours. */
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		(void)epoll_ctl(control->epoll_fd, EPOLL_CTL_DEL,
				control->dataplane.workers[i].events_fd, NULL);
	}
}

static void detach(struct control *control)
{
	drop_relays(control);
	unwatch(control);
	registry_fini(&control->registry);
	dataplane_detach(&control->dataplane);
	control->attached = false;
}

void attachment_close(struct control *control)
{
	detach(control);
	reap_lingering(control, true);
}

static bool all_let_go(const struct control *control)
{
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		if (!relay_has_let_go(control->workers[i].relay)) {
			return false;
		}
	}
	return true;
}

/*
 * A thread that stands still may still read the mappings: they can only go with the process.
 * Whoever watches over it starts it again.
 */
static void wait_let_go(struct control *control)
{
	uint64_t deadline = clock_us() + LET_GO_US;

	while (!all_let_go(control)) {
		if (clock_us() >= deadline) {
			journal(CONFIG_LOG_ERROR, "control.relay_stuck", NULL);
			_exit(EXIT_FAILURE);
		}
		usleep(500);
	}
}

static void say_why(struct control *control, const char *why)
{
	text_printable(control->why, sizeof(control->why), why, CONTROL_WHY_MAX);
}

void attachment_lost(struct control *control, const char *why)
{
	journal(CONFIG_LOG_ERROR, "dataplane.gone", "{s:i, s:s}", "pid",
		(int)control->dataplane.pid, "why", why);
	control_count(control, CONTROL_detaches);
	say_why(control, why);
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		relay_let_go(control->workers[i].relay);
	}
	wait_let_go(control);
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		linger(control, control->workers[i].relay);
		control->workers[i].relay = NULL;
	}
	detach(control);
	control->next_attach_us = control->now_us + ATTACH_US;
}

/* Attaching */

static int start_worker(struct control *control, uint32_t index)
{
	const struct dataplane_worker *from = &control->dataplane.workers[index];
	struct relay_source source = {
		.worker = index,
		.pub = from->pub,
		.layout = &from->layout,
		.sub = from->sub,
		.regions = &control->dataplane.regions,
		.news_fd = from->news_fd,
	};

	/*
	 * From the head on, before the table is read: what came earlier is in the table, what comes
	 * later is told. The dataplane refuses to write until it knows where we read.
	 */
	control->workers[index].event_tail =
		atomic_load_explicit(&from->pub->event_head, memory_order_acquire);
	atomic_store_explicit(&from->sub->event_tail, control->workers[index].event_tail,
			      memory_order_release);
	control->workers[index].heartbeat_us = control->now_us;
	sources_attached(control, index);
	control->workers[index].relay =
		relay_create(&source, &control->relay_settings, control->resolver);
	if (!control->workers[index].relay) {
		return -1;
	}
	return control_watch(control, from->events_fd, CONTROL_TAG_WORKER + index);
}

static int start_workers(struct control *control)
{
	uint32_t slots[ABI_REGIONS_MAX];
	uint32_t count = control->dataplane.workers_count;

	assert(count > 0); /* or the attach would have failed */
	for (uint32_t i = 0; i < count; i++) {
		slots[i] = control->dataplane.workers[i].layout.streams;
	}
	if (registry_init(&control->registry, count, slots)) {
		return -1;
	}
	control->workers = calloc(count, sizeof(*control->workers));
	if (!control->workers) {
		return -1;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t players = control->dataplane.workers[i].layout.players;

		control->workers[i].players = calloc(players + 1, sizeof(struct control_player));
		if (!control->workers[i].players || start_worker(control, i)) {
			return -1;
		}
	}
	return control_watch(control, control->dataplane.fd, CONTROL_TAG_DATAPLANE);
}

static void wait_on(struct control *control, const char *why)
{
	if (strcmp(control->why, why) != 0) {
		journal(CONFIG_LOG_WARN, "dataplane.waiting", "{s:s}", "why", why);
		say_why(control, why);
	}
}

static void attach(struct control *control)
{
	char error[DATAPLANE_ERROR_MAX];

	control->next_attach_us = control->now_us + ATTACH_US;
	if (dataplane_attach(&control->dataplane, control->config->run_dir, error)) {
		wait_on(control, error);
		return;
	}
	control->now_us = clock_us(); /* it may have kept us waiting */
	if (start_workers(control)) {
		wait_on(control, "no memory or threads");
		detach(control);
		return;
	}
	control->attached = true;
	control->why[0] = '\0';
	control_count(control, CONTROL_attaches);
	journal(CONFIG_LOG_INFO, "dataplane.attached", "{s:i, s:i, s:I}", "pid",
		(int)control->dataplane.pid, "workers", (int)control->dataplane.workers_count,
		"epoch", (json_int_t)control->dataplane.epoch);
	drain_attached(control); /* before the first publish is decided */
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		events_sync(control, i);
	}
}

/* Heartbeats */

static void beat(struct control *control, uint32_t index)
{
	struct control_worker *worker = &control->workers[index];
	uint64_t progress = relay_progress(worker->relay);

	if (progress == worker->progress && !relay_stopped(worker->relay)) {
		/* Its ticks are as long as ours: once or twice means nothing. */
		if (++worker->stalls > 2) {
			control_count(control, CONTROL_heartbeats_withheld);
		}
		return;
	}
	worker->progress = progress;
	worker->stalls = 0;
	atomic_store_explicit(&control->dataplane.workers[index].sub->heartbeat_us, control->now_us,
			      memory_order_relaxed);
}

void attachment_heartbeat(struct control *control)
{
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		beat(control, i);
	}
}

/* True when the worker's heart stands still for too long. */
static bool is_silent(struct control *control, uint32_t index)
{
	struct control_worker *worker = &control->workers[index];
	uint64_t heartbeat = atomic_load_explicit(
		&control->dataplane.workers[index].pub->heartbeat_us, memory_order_relaxed);

	if (heartbeat != worker->heartbeat) {
		worker->heartbeat = heartbeat;
		worker->heartbeat_us = control->now_us;
		worker->silent = false;
	} else if (!worker->silent &&
		   control->now_us - worker->heartbeat_us >= control->silent_us) {
		worker->silent = true;
		control_count(control, CONTROL_workers_silent);
		journal(CONFIG_LOG_ERROR, "worker.silent", "{s:i}", "worker", (int)index);
	}
	return worker->silent;
}

static bool all_silent(struct control *control)
{
	bool all = true;

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		all &= is_silent(control, i);
	}
	return all;
}

void attachment_tick(struct control *control)
{
	reap_lingering(control, false);
	if (!control->attached) {
		if (control->now_us >= control->next_attach_us) {
			attach(control);
		}
		return;
	}
	attachment_heartbeat(control);
	if (all_silent(control)) {
		attachment_lost(control, "no worker shows a heartbeat");
	}
}
