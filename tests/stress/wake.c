/*
 * Wake-ups alone, with as little as possible between publishing and looking at the flag: the
 * window in which a missing fence loses them is a few nanoseconds wide.
 */
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "stress.h"

#define PATIENCE_US UINT64_C(5000000)

static void spin(uint64_t turns)
{
	for (uint64_t i = 0; i < turns; i++) {
		__builtin_ia32_pause();
	}
}

/* False when control sleeps on although there is news. */
static bool is_seen(struct stress *s, uint64_t count)
{
	uint64_t deadline = 0;

	for (uint64_t turn = 0; atomic_load_explicit(&s->woken, memory_order_acquire) != count;
	     turn++) {
		if (turn < 1000) {
			continue;
		}
		sched_yield();
		deadline = deadline ? deadline : stress_now_us() + PATIENCE_US;
		if (stress_now_us() > deadline) {
			return false;
		}
	}
	return true;
}

void *stress_waker(void *arg)
{
	struct stress *s = arg;
	uint64_t random = 88172645463325252u;
	uint64_t end = stress_now_us() + s->seconds * UINT64_C(1000000);

	for (uint64_t count = 1; stress_now_us() < end; count++) {
		spin(stress_random(&random) % 64);
		publish_notify_news(&s->publish.notify, 0);
		/* Time runs so that none of them is put off. */
		publish_notify_wake(&s->publish.notify, s->sub, count * PUBLISH_WAKE_US);
		if (!is_seen(s, count)) {
			stress_fail(s, "a wake-up was lost");
			break;
		}
		s->waits++;
	}
	atomic_store(&s->stop, true);
	return NULL;
}

static void sleep_until_woken(struct stress *s, uint64_t seen)
{
	struct pollfd fd = {.fd = s->news_fd, .events = POLLIN};
	uint64_t count;

	atomic_store(&s->sub->news_sleeping, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&s->pub->news_head, memory_order_acquire) == seen) {
		s->sleeps++;
		while (poll(&fd, 1, 100) == 0 && !atomic_load(&s->stop)) {
		}
		(void)!read(s->news_fd, &count, sizeof(count));
	}
	atomic_store(&s->sub->news_sleeping, 0);
}

void *stress_sleeper(void *arg)
{
	struct stress *s = arg;
	uint64_t random = 362436069;
	uint64_t seen = 0;

	while (!atomic_load(&s->stop)) {
		uint64_t head = atomic_load_explicit(&s->pub->news_head, memory_order_acquire);
		if (head != seen) {
			seen = head;
			atomic_store_explicit(&s->woken, seen, memory_order_release);
		} else {
			spin(stress_random(&random) % 64);
			sleep_until_woken(s, seen);
		}
	}
	return NULL;
}
