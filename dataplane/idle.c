#include "dataplane/idle.h"

#include <poll.h>
#include <rte_pause.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/forward.h"

#define EMPTY_LOOPS    32u
#define SLEEP_US       UINT64_C(1000)
#define BLIND_SLEEP_US UINT64_C(250)

void dp_idle_init(struct dp_idle *idle, bool adaptive, int rx_fd, const struct dp_wake *wake)
{
	*idle = (struct dp_idle){
		.adaptive = adaptive,
		.rx_fd = rx_fd,
		.longest_us = rx_fd >= 0 ? SLEEP_US : BLIND_SLEEP_US,
		.wake = wake,
	};
}

static uint64_t sleep_us(const struct dp_idle *idle, uint64_t now_us, uint64_t due_us)
{
	uint64_t until_due = due_us > now_us ? due_us - now_us : 0;

	return until_due < idle->longest_us ? until_due : idle->longest_us;
}

static void wait_for_news(struct dp_idle *idle, uint64_t us)
{
	struct pollfd fds[2] = {
		{.fd = idle->wake->fd, .events = POLLIN},
		{.fd = idle->rx_fd, .events = POLLIN}, /* a negative one is ignored */
	};
	struct timespec timeout = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000,
	};

	int ready = ppoll(fds, 2, &timeout, NULL);
	if (ready == 0) {
		idle->timeouts++;
	} else if (ready > 0 && (fds[0].revents & POLLIN)) {
		uint64_t count;
		ssize_t got = read(idle->wake->fd, &count, sizeof(count));

		(void)got;
	}
}

void dp_idle(struct dp_idle *idle, uint64_t now_us, uint64_t due_us)
{
	uint64_t us = sleep_us(idle, now_us, due_us);

	idle->empty++;
	if (!idle->adaptive || idle->empty < EMPTY_LOOPS || us == 0) {
		rte_pause();
		return;
	}
	atomic_store_explicit(idle->wake->sleeping, 1, memory_order_relaxed);
	/* Pairs with the fence in dp_wake(), and in control: one of the two sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!idle->pending(idle->app)) {
		wait_for_news(idle, us);
	}
	atomic_store_explicit(idle->wake->sleeping, 0, memory_order_relaxed);
}
