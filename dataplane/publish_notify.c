#include "dataplane/publish_notify.h"

#include <errno.h>
#include <unistd.h>

#include "abi/sub.h"
#include "dataplane/counters.h"

static void *table_at(struct abi_pub *pub, uint64_t offset)
{
	return (uint8_t *)pub + offset;
}

void publish_notify_init(struct publish_notify *notify, struct abi_pub *pub,
			 struct dp_counters *counters)
{
	*notify = (struct publish_notify){
		.pub = pub,
		.events = table_at(pub, pub->events_offset),
		.news = table_at(pub, pub->news_offset),
		.counters = counters,
		.news_fd = -1,
		.events_fd = -1,
	};
}

/* Without a control there is no reader: the ring turns, and the next one starts at its head. */
static bool has_room(struct publish_notify *notify, const struct abi_sub *sub)
{
	if (!sub) {
		return true;
	}
	/* Pairs with the release of the reader: it is done with the entry that we write over. */
	uint64_t tail = atomic_load_explicit(&sub->event_tail, memory_order_acquire);
	uint64_t used = notify->event_head - tail;
	if (used > ABI_EVENT_RING) {
		dp_count(notify->counters, DP_COUNTER_sub_refused, 1);
		return false;
	}
	return used < ABI_EVENT_RING;
}

bool publish_notify_event(struct publish_notify *notify, const struct abi_sub *sub,
			  const struct abi_event *event)
{
	if (!has_room(notify, sub)) {
		dp_count(notify->counters, DP_COUNTER_events_full, 1);
		return false;
	}
	notify->events[notify->event_head++ % ABI_EVENT_RING] = *event;
	atomic_store_explicit(&notify->pub->event_head, notify->event_head, memory_order_release);
	notify->event_sent = true;
	return true;
}

void publish_notify_news(struct publish_notify *notify, uint32_t slot)
{
	/*
	 * Release, so that a reader which sees this entry instead of the one that was there before
	 * also sees that news_head came round: it then looks at all streams.
	 */
	atomic_store_explicit(&notify->news[notify->news_head++ % ABI_NEWS_RING], slot,
			      memory_order_release);
	/* Pairs with the acquire of the relay thread: the stream's `head` is stored before. */
	atomic_store_explicit(&notify->pub->news_head, notify->news_head, memory_order_release);
	notify->news_sent = true;
}

static void wake(struct publish_notify *notify, int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* EAGAIN: the counter is at its limit, so that it is readable all the same. */
	if (n == (ssize_t)sizeof(one) || errno == EAGAIN) {
		dp_count(notify->counters, DP_COUNTER_wakeups, 1);
	}
}

static void wake_for_news(struct publish_notify *notify, const struct abi_sub *sub, uint64_t now_us)
{
	notify->news_sent = false;
	if (atomic_load_explicit(&sub->news_sleeping, memory_order_relaxed)) {
		notify->news_woken_us = now_us;
		wake(notify, notify->news_fd);
	}
}

static void wake_for_events(struct publish_notify *notify, const struct abi_sub *sub)
{
	notify->event_sent = false;
	if (atomic_load_explicit(&sub->event_sleeping, memory_order_relaxed)) {
		wake(notify, notify->events_fd);
	}
}

void publish_notify_wake(struct publish_notify *notify, const struct abi_sub *sub, uint64_t now_us)
{
	bool news = notify->news_sent && now_us - notify->news_woken_us >= PUBLISH_WAKE_US;

	if (!sub) {
		notify->news_sent = false;
		notify->event_sent = false;
	} else if (news || notify->event_sent) {
		atomic_thread_fence(memory_order_seq_cst);
		if (news) {
			wake_for_news(notify, sub, now_us);
		}
		if (notify->event_sent) {
			wake_for_events(notify, sub);
		}
	}
}

uint64_t publish_notify_next_us(const struct publish_notify *notify)
{
	return notify->news_sent ? notify->news_woken_us + PUBLISH_WAKE_US : UINT64_MAX;
}
