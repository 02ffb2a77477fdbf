#include "control.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "attachment.h"
#include "clock.h"
#include "events.h"
#include "journal.h"
#include "policy.h"
#include "report.h"
#include "report_stream.h"
#include "sources.h"

#define TICK_US   (100 * US_PER_MS) /* heartbeat, retries; at most */
#define SAMPLE_US (500 * US_PER_MS)
#define LOOKUP_US (30 * US_PER_S) /* libc's patience with three servers that are silent */
#define EVENTS    64

const char *control_counter_name(enum control_counter counter)
{
	static const char *const names[CONTROL_COUNTER_COUNT] = {
#define CONTROL_COUNTER_NAME(name, sentence) [CONTROL_##name] = #name,
		CONTROL_COUNTERS(CONTROL_COUNTER_NAME)
#undef CONTROL_COUNTER_NAME
	};

	return names[counter];
}

uint64_t control_relay_counter(const struct control *control, enum relay_counter counter)
{
	uint64_t sum = control->relay_totals[counter];

	for (uint32_t i = 0; control->workers && i < control->dataplane.workers_count; i++) {
		if (control->workers[i].relay) {
			sum += relay_counter(control->workers[i].relay, counter);
		}
	}
	for (uint32_t i = 0; i < CONTROL_LINGER_MAX; i++) {
		if (control->lingering[i]) {
			sum += relay_counter(control->lingering[i], counter);
		}
	}
	return sum;
}

int control_watch(const struct control *control, int fd, uint64_t tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* The control socket's directory is the dataplane's: before its first start there may be none. */
static void open_api(struct control *control)
{
	int rc;

	if (control->api.fd >= 0) {
		return;
	}
	rc = api_open(&control->api, control->config->run_dir);
	if (rc == -EADDRINUSE) {
		journal(CONFIG_LOG_ERROR, "control.already_running", "{s:s}", "run_dir",
			control->config->run_dir);
		control->stop = true;
	}
}

/* Turns of the loop */

static void sample_workers(struct control *control)
{
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		const struct abi_pub *pub = control->dataplane.workers[i].pub;
		struct control_worker *worker = &control->workers[i];
		uint64_t busy = atomic_load_explicit(&pub->busy_cycles, memory_order_relaxed);
		uint64_t total = atomic_load_explicit(&pub->total_cycles, memory_order_relaxed);
		uint64_t elapsed = total - worker->total_cycles;

		if (total > worker->total_cycles && busy >= worker->busy_cycles) {
			worker->busy_percent =
				100.0 * (double)(busy - worker->busy_cycles) / (double)elapsed;
		}
		worker->busy_cycles = busy;
		worker->total_cycles = total;
	}
}

static void tick(struct control *control)
{
	uint64_t ignored;

	(void)!read(control->timer_fd, &ignored, sizeof(ignored));
	open_api(control);
	api_tick(&control->api, control->now_us);
	if (resolver_look(control->resolver, control->now_us, control->lookup_us)) {
		control_count(control, CONTROL_resolver_stuck);
	}
	attachment_tick(control);
	if (!control->attached) {
		return;
	}
	events_tick(control);
	drain_tick(control);
	if (control->now_us >= control->next_sample_us) {
		control->next_sample_us = control->now_us + SAMPLE_US;
		sample_workers(control);
		report_sample(control);
		policy_tick(control);
		sources_tick(control);
	}
}

static void worker_event(const struct control *control, uint32_t worker)
{
	eventfd_t ignored;

	/* An event of a dataplane that went away earlier in this round. */
	if (control->attached && worker < control->dataplane.workers_count) {
		(void)eventfd_read(control->dataplane.workers[worker].events_fd, &ignored);
	}
}

static void signal_event(struct control *control)
{
	struct signalfd_siginfo info;

	if (read(control->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		journal(CONFIG_LOG_INFO, "control.stopping", "{s:s}", "signal",
			info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
		control->stop = true;
	}
}

static void dispatch(struct control *control, uint64_t tag)
{
	if (tag >= CONTROL_TAG_API) {
		api_event(&control->api, (uint32_t)(tag - CONTROL_TAG_API), control->now_us);
	} else if (tag >= CONTROL_TAG_WORKER) {
		worker_event(control, (uint32_t)(tag - CONTROL_TAG_WORKER));
	} else if (tag == CONTROL_TAG_SIGNAL) {
		signal_event(control);
	} else if (tag == CONTROL_TAG_TIMER) {
		tick(control);
	} else if (tag == CONTROL_TAG_DATAPLANE && control->attached) {
		attachment_lost(control, "its socket is closed");
	}
}

static void set_sleeping(struct control *control, uint32_t value)
{
	for (uint32_t i = 0; control->attached && i < control->dataplane.workers_count; i++) {
		atomic_store_explicit(&control->dataplane.workers[i].sub->event_sleeping, value,
				      memory_order_seq_cst);
	}
}

static bool any_waiting(const struct control *control)
{
	for (uint32_t i = 0; control->attached && i < control->dataplane.workers_count; i++) {
		if (events_waiting(control, i)) {
			return true;
		}
	}
	return false;
}

/* The sleep protocol of abi/sub.h, against every worker at once. */
static int sleep_and_wait(struct control *control, struct epoll_event *events)
{
	int count;

	set_sleeping(control, 1);
	atomic_thread_fence(memory_order_seq_cst);
	count = epoll_wait(control->epoll_fd, events, EVENTS, any_waiting(control) ? 0 : -1);
	set_sleeping(control, 0);
	return count;
}

/* Ends every origin in order. The heart goes on beating: to be killed now would be a pity. */
static void finish(struct control *control)
{
	uint64_t deadline = clock_us() + control->relay_settings.shutdown_us + 200 * US_PER_MS;
	bool running = true;

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		relay_shutdown(control->workers[i].relay);
	}
	while (running && clock_us() < deadline) {
		running = false;
		for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
			running |= !relay_stopped(control->workers[i].relay);
		}
		control->now_us = clock_us();
		attachment_heartbeat(control);
		usleep(2000);
	}
}

void control_run(struct control *control)
{
	struct epoll_event events[EVENTS];

	control->now_us = clock_us();
	journal_hold();
	open_api(control);
	if (!control->stop) {
		attachment_tick(control);
	}
	while (!control->stop) {
		int count;

		journal_flush();
		count = sleep_and_wait(control, events);

		control->now_us = clock_us();
		for (int i = 0; i < count; i++) {
			dispatch(control, events[i].data.u64);
		}
		for (uint32_t i = 0; control->attached && i < control->dataplane.workers_count;
		     i++) {
			events_read(control, i);
		}
	}
	journal_release();
	if (control->attached) {
		finish(control);
	}
}

/* Life */

static char *answer(void *context, const char *line, size_t length)
{
	return report_answer(context, line, length);
}

static int open_signals(struct control *control)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL)) {
		return -1;
	}
	control->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return control->signal_fd < 0
		       ? -1
		       : control_watch(control, control->signal_fd, CONTROL_TAG_SIGNAL);
}

static int open_timer(struct control *control)
{
	/* Several in the time after which the dataplane takes us for dead. */
	uint64_t limit_us = control->config->dataplane.control_timeout_ms * US_PER_MS;
	uint64_t tick_us = limit_us > 0 && limit_us / 5 < TICK_US ? limit_us / 5 : TICK_US;
	struct timespec interval = {.tv_nsec = (long)(tick_us * 1000)};
	struct itimerspec spec = {.it_interval = interval, .it_value = interval};

	control->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (control->timer_fd < 0 || timerfd_settime(control->timer_fd, 0, &spec, NULL)) {
		return -1;
	}
	return control_watch(control, control->timer_fd, CONTROL_TAG_TIMER);
}

int control_init(struct control *control, const struct config *config)
{
	memset(control, 0, sizeof(*control));
	control->config = config;
	control->drain.told = true;
	control->relay_settings = relay_settings_default;
	control->lookup_us = LOOKUP_US;
	attachment_init(control);
	control->dataplane.fd = -1;
	control->signal_fd = -1;
	control->timer_fd = -1;
	control->started_us = clock_us();
	TAILQ_INIT(&control->registry.streams);
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	api_init(&control->api, control->epoll_fd, CONTROL_TAG_API, answer, control);
	/* Signals first: the threads to come inherit the mask. */
	if (control->epoll_fd < 0 || open_signals(control) || open_timer(control)) {
		goto fail;
	}
	control->auth = auth_create(config);
	control->resolver = resolver_create();
	if (!control->auth || !control->resolver) {
		goto fail;
	}
	return 0;

fail:
	control_fini(control);
	return -1;
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

void control_fini(struct control *control)
{
	attachment_close(control);
	api_fini(&control->api);
	resolver_destroy(control->resolver);
	auth_destroy(control->auth);
	close_fd(control->timer_fd);
	close_fd(control->signal_fd);
	close_fd(control->epoll_fd);
}
