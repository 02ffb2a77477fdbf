/*
 * One control at a time: WAITING (nobody) -> OFFERING (workers take the new `sub` over and seed its
 * tails, so that nothing is dropped unread any more when control sees the logs) -> SENDING
 * (descriptors on their way) -> ATTACHED -> LEAVING (its connection ended or it was killed, and its
 * process is still there) -> DETACHING (workers let go of the `sub`) -> WAITING. Connections that
 * have not sent their request yet stand in a small table of their own, so that a
 * silent one keeps nobody out.
 */
#include "dataplane/link.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "abi/attach.h"
#include "dataplane/attach_socket.h"
#include "dataplane/diag.h"
#include "dataplane/ingest.h"
#include "dataplane/link_state.h"

#define LINK_TIMEOUT_US 2000000u /* for taking the descriptors */
#define LINK_TICK_US    5000u    /* while something is under way */
#define LINK_LOOKS      8u       /* at the heartbeat, within its limit */

static uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* The timer runs only while a time limit or a worker is waited for. 0 stops it. */
static void set_tick(struct dp_link *link, uint64_t tick_us)
{
	struct itimerspec spec = {
		.it_value = {.tv_sec = (time_t)(tick_us / 1000000),
			     .tv_nsec = (long)(tick_us % 1000000) * 1000},
	};

	if (link->tick_us == tick_us) {
		return;
	}
	spec.it_interval = spec.it_value;
	(void)timerfd_settime(link->timer_fd, 0, &spec, NULL);
	link->tick_us = tick_us;
}

static void fill_reply(const struct dp_link *link, struct abi_attach_reply *reply,
		       enum abi_attach_status status)
{
	*reply = (struct abi_attach_reply){
		.magic = ABI_MAGIC,
		.version = ABI_VERSION,
		.status = status,
		.generation = link->config.generation,
		.epoch = link->epoch,
		.workers = link->config.workers_count,
		.pid = (uint32_t)getpid(),
	};
}

static int send_reply(struct dp_link *link)
{
	struct abi_attach_reply reply;

	fill_reply(link, &reply, ABI_ATTACH_OK);
	return attach_send_reply(link->control_fd, &reply);
}

static void count(const struct dp_link *link, size_t offset)
{
	if (link->config.counts) {
		_Atomic uint64_t *at = (void *)((uint8_t *)link->config.counts + offset);
		atomic_fetch_add_explicit(at, 1, memory_order_relaxed);
	}
}

static void detach(struct dp_link *link)
{
	link_close_fd(&link->control_fd);
	control_process_close(&link->process);
	link_offer_give(&link->offer, false);
	link->state = LINK_DETACHING;
}

static void say(const struct dp_link *link, enum dp_diag_level level, const char *event,
		const char *why)
{
	struct dp_diag diag;

	dp_diag_begin(&diag, level, event);
	dp_diag_int(&diag, "pid", link->process.pid);
	dp_diag_int(&diag, "epoch", (int64_t)link->epoch);
	if (why) {
		dp_diag_str(&diag, "why", why);
	}
	dp_diag_end(&diag, stderr);
}

static bool has_exited(const struct dp_link *link)
{
	return control_process_exited(&link->process);
}

static void gone(struct dp_link *link)
{
	count(link, offsetof(struct dp_link_counts, exits));
	say(link, DP_DIAG_INFO, "control_gone", NULL);
	detach(link);
}

/* Its connection ended. What it mapped it can read until it exits. */
static void leave(struct dp_link *link, uint64_t now_us)
{
	if (link->process.pidfd < 0) {
		gone(link);
		return;
	}
	link_close_fd(&link->control_fd);
	link->deadline_us = now_us + link->config.control_timeout_us;
	link->state = LINK_LEAVING;
}

static void kill_control(struct dp_link *link, const char *why, uint64_t now_us)
{
	int err = control_process_kill(&link->process);

	if (err < 0 && err != -ESRCH) {
		/* It stays attached: what it may read is not given back. */
		say(link, DP_DIAG_ERROR, "control_not_killed", strerror(-err));
	} else {
		count(link, offsetof(struct dp_link_counts, kills));
		say(link, DP_DIAG_WARN, "control_killed", why);
	}
	leave(link, now_us);
}

/* Sends on where it stopped; -EAGAIN when the socket is full. */
static int send_rest(struct dp_link *link)
{
	int err = link->reply_sent ? 0 : send_reply(link);

	if (err < 0) {
		return err;
	}
	link->reply_sent = true;
	while (link->workers_sent < link->config.workers_count) {
		err = link_offer_send(&link->offer, link->workers_sent, link->control_fd);
		if (err < 0) {
			return err;
		}
		link->workers_sent++;
	}
	return 0;
}

static void run_offering(struct dp_link *link, uint64_t now_us)
{
	if (link_offer_taken(&link->offer, true)) {
		link->state = LINK_SENDING;
	} else if (now_us >= link->deadline_us) {
		detach(link);
	}
}

static void start_heartbeats(struct dp_link *link, uint64_t now_us)
{
	for (uint32_t i = 0; i < link->config.workers_count; i++) {
		heartbeat_start(&link->beats[i], now_us);
	}
}

static void run_sending(struct dp_link *link, uint64_t now_us)
{
	int err = send_rest(link);

	if (err == 0) {
		start_heartbeats(link, now_us);
		count(link, offsetof(struct dp_link_counts, attaches));
		say(link, DP_DIAG_INFO, "control_attached", NULL);
		link->state = LINK_ATTACHED;
	} else if (err != -EAGAIN || now_us >= link->deadline_us) {
		if (link->workers_sent > 0) {
			leave(link, now_us);
		} else {
			detach(link);
		}
	}
}

/* Why an attached control has to be killed; NULL: it has not. */
static const char *is_hung(struct dp_link *link, uint64_t now_us)
{
	uint64_t limit_us = link->config.control_timeout_us;
	const char *why = NULL;

	for (uint32_t i = 0; i < link->config.workers_count; i++) {
		const struct abi_sub *sub = link_offer_sub(&link->offer, i);

		/* Each of them is looked at, so that none is behind. */
		if (limit_us && heartbeat_is_overdue(&link->beats[i], sub, limit_us, now_us)) {
			why = "no heartbeat";
		}
		if (dp_ingest_hung(link->workers[i].ingest)) {
			why = "a publication that ended is not released";
		}
	}
	return link->process.pidfd >= 0 && !link->ending ? why : NULL;
}

/* The connection is silent: bytes are as much its end as EOF is. */
static bool has_hung_up(const struct dp_link *link)
{
	char byte;
	ssize_t n = recv(link->control_fd, &byte, 1, MSG_DONTWAIT);

	return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

static void run_attached(struct dp_link *link, uint64_t now_us)
{
	const char *why = is_hung(link, now_us);

	if (has_exited(link)) {
		gone(link);
	} else if (has_hung_up(link)) {
		leave(link, now_us);
	} else if (why) {
		kill_control(link, why, now_us);
	}
}

static void run_leaving(struct dp_link *link, uint64_t now_us)
{
	if (has_exited(link)) {
		gone(link);
	} else if (link->config.control_timeout_us && !link->ending &&
		   now_us >= link->deadline_us) {
		kill_control(link, "it hung up and lives on", now_us);
	}
}

static void run_detaching(struct dp_link *link)
{
	if (link_offer_taken(&link->offer, false)) {
		link_offer_destroy(&link->offer);
		link->state = LINK_WAITING;
	}
}

static int identify(struct dp_link *link, int fd)
{
	int err = control_process_open(&link->process, fd);

	if (err == 0 && link->process.pidfd >= 0) {
		err = link_watch(link, link->process.pidfd, EPOLLIN);
	}
	if (err < 0) {
		control_process_close(&link->process);
	}
	return err;
}

static void begin_attach(struct dp_link *link, int fd)
{
	link->epoch++;
	if (identify(link, fd) < 0) {
		close(fd); /* it is gone */
		return;
	}
	if (link_offer_create(&link->offer, link->config.generation, link->epoch) < 0) {
		struct abi_attach_reply answer;

		control_process_close(&link->process);
		fill_reply(link, &answer, ABI_ATTACH_OK);
		attach_refuse(fd, &answer, ABI_ATTACH_BUSY);
		return;
	}
	link->control_fd = fd;
	link->reply_sent = false;
	link->workers_sent = 0;
	link->deadline_us = clock_us() + LINK_TIMEOUT_US;
	link->state = LINK_OFFERING;
	link_offer_give(&link->offer, true);
}

static void take_request(struct dp_link *link, int fd, const struct abi_attach_request *request)
{
	struct abi_attach_reply answer;

	fill_reply(link, &answer, ABI_ATTACH_OK);
	if (request->magic != ABI_MAGIC || request->version != ABI_VERSION) {
		attach_refuse(fd, &answer, ABI_ATTACH_VERSION);
	} else if (link->state != LINK_WAITING) {
		attach_refuse(fd, &answer, ABI_ATTACH_BUSY);
	} else {
		begin_attach(link, fd);
	}
}

static void run_clients(struct dp_link *link, uint64_t now_us)
{
	struct abi_attach_request request;
	struct abi_attach_reply answer;
	int fd;

	fill_reply(link, &answer, ABI_ATTACH_OK);
	link_clients_accept(&link->clients, link->listen_fd, &answer, now_us);
	while ((fd = link_clients_next(&link->clients, &request, now_us)) >= 0) {
		take_request(link, fd, &request);
	}
}

static uint64_t wanted_tick(const struct dp_link *link)
{
	bool busy = link->state != LINK_WAITING && link->state != LINK_ATTACHED;

	if (busy || link_clients_any(&link->clients)) {
		return LINK_TICK_US;
	}
	return link->state == LINK_ATTACHED ? link->config.control_timeout_us / LINK_LOOKS : 0;
}

static void run_state(struct dp_link *link, uint64_t now_us)
{
	if (link->state == LINK_ATTACHED) {
		run_attached(link, now_us);
	}
	if (link->state == LINK_LEAVING) {
		run_leaving(link, now_us);
	}
	if (link->state == LINK_DETACHING) {
		run_detaching(link);
	}
}

/* What we slept through ourselves (a stopped process, a frozen machine) is not held against
 * control, which may have been asleep as well. */
static void forgive(struct dp_link *link, uint64_t now_us)
{
	if (now_us - link->poll_us >= link->config.control_timeout_us / 2) {
		start_heartbeats(link, now_us);
	}
	link->poll_us = now_us;
}

void dp_link_poll(struct dp_link *link)
{
	uint64_t now_us = clock_us();
	uint64_t ticks;

	(void)!read(link->timer_fd, &ticks, sizeof(ticks));
	forgive(link, now_us);
	run_state(link, now_us);
	run_clients(link, now_us);
	if (link->state == LINK_OFFERING) {
		run_offering(link, now_us);
	}
	if (link->state == LINK_SENDING) {
		run_sending(link, now_us);
	}
	set_tick(link, wanted_tick(link));
}
