#include "dataplane/idle.h"

#include <poll.h>
#include <rte_pause.h>
#include <time.h>
#include <unistd.h>

#define EMPTY_LOOPS    1000u
#define SLEEP_US       UINT64_C(1000)
#define BLIND_SLEEP_US UINT64_C(200)

static uint64_t sleep_us(const struct dp_idle *idle, uint64_t now_us, uint64_t due_us)
{
	uint64_t longest = idle->rx_fd >= 0 ? SLEEP_US : BLIND_SLEEP_US;
	uint64_t until_due = due_us > now_us ? due_us - now_us : 0;

	return until_due < longest ? until_due : longest;
}

static void wait_for_news(const struct dp_idle *idle, uint64_t us)
{
	struct pollfd fds[2] = {
		{.fd = idle->wake->fd, .events = POLLIN},
		{.fd = idle->rx_fd, .events = POLLIN}, /* a negative one is ignored */
	};
	struct timespec timeout = {.tv_nsec = (long)us * 1000};

	if (ppoll(fds, 2, &timeout, NULL) > 0 && (fds[0].revents & POLLIN)) {
		uint64_t count;
		ssize_t got = read(idle->wake->fd, &count, sizeof(count));

		(void)got;
	}
}

void dp_idle(struct dp_idle *idle, const struct dp_forward *forward, uint64_t now_us,
	     uint64_t due_us)
{
	uint64_t us = sleep_us(idle, now_us, due_us);

	idle->empty++;
	if (!idle->adaptive || idle->empty < EMPTY_LOOPS || us == 0) {
		rte_pause();
		return;
	}
	atomic_store_explicit(&idle->wake->sleeping, 1, memory_order_relaxed);
	/* Pairs with the fence in dp_wake(): one of the two sides sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!dp_forward_pending(forward)) {
		wait_for_news(idle, us);
	}
	atomic_store_explicit(&idle->wake->sleeping, 0, memory_order_relaxed);
}
