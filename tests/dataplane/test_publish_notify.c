/*
 * Wake-ups of the relay thread that are put off: none is lost, and the worker knows how long it may
 * sleep.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi/sub.h"
#include "dataplane/counters.h"
#include "dataplane/publish_notify.h"
#include "suite.h"

#define START_US UINT64_C(5000000)

static struct publish_notify notify;
static struct dp_counters counters;
static struct abi_pub *pub;
static struct abi_sub *sub;

static void open_all(void)
{
	size_t events = sizeof(*pub);
	size_t news = events + ABI_EVENT_RING * sizeof(struct abi_event);
	size_t size = news + ABI_NEWS_RING * sizeof(uint32_t);

	pub = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
	sub = aligned_alloc(4096, (abi_sub_size(1) + 4095) / 4096 * 4096);
	CU_ASSERT_FATAL(pub && sub);
	memset(pub, 0, size);
	memset(sub, 0, abi_sub_size(1));
	pub->events_offset = events;
	pub->news_offset = news;
	counters = (struct dp_counters){.value = {0}};
	publish_notify_init(&notify, pub, &counters);
	notify.news_fd = eventfd(0, EFD_NONBLOCK);
	notify.events_fd = eventfd(0, EFD_NONBLOCK);
	atomic_store(&sub->news_sleeping, 1);
	atomic_store(&sub->event_sleeping, 1);
}

static void close_all(void)
{
	close(notify.news_fd);
	close(notify.events_fd);
	free(pub);
	free(sub);
}

/* Wake-ups since the last look. */
static uint64_t woken(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count) ? count : 0;
}

static void tell(uint64_t now_us)
{
	publish_notify_news(&notify, 0);
	publish_notify_wake(&notify, sub, now_us);
}

static void test_put_off(void)
{
	open_all();
	tell(START_US);
	CU_ASSERT_EQUAL(woken(notify.news_fd), 1);
	CU_ASSERT_EQUAL(publish_notify_next_us(&notify), UINT64_MAX);
	for (uint64_t us = 1; us < PUBLISH_WAKE_US; us += 33) {
		tell(START_US + us);
		CU_ASSERT_EQUAL(woken(notify.news_fd), 0);
		CU_ASSERT_EQUAL(publish_notify_next_us(&notify), START_US + PUBLISH_WAKE_US);
	}
	publish_notify_wake(&notify, sub, START_US + PUBLISH_WAKE_US);
	CU_ASSERT_EQUAL(woken(notify.news_fd), 1);
	CU_ASSERT_EQUAL(publish_notify_next_us(&notify), UINT64_MAX);
	publish_notify_wake(&notify, sub, START_US + UINT64_C(10) * PUBLISH_WAKE_US);
	CU_ASSERT_EQUAL(woken(notify.news_fd), 0);
	close_all();
}

/* An event is told at once, and takes no news along that are put off. */
static void test_events(void)
{
	const struct abi_event event = {.type = ABI_EVENT_LIVE};

	open_all();
	tell(START_US);
	tell(START_US + 10);
	CU_ASSERT_EQUAL(woken(notify.news_fd), 1);
	CU_ASSERT_TRUE(publish_notify_event(&notify, sub, &event));
	publish_notify_wake(&notify, sub, START_US + 10);
	CU_ASSERT_EQUAL(woken(notify.events_fd), 1);
	CU_ASSERT_EQUAL(woken(notify.news_fd), 0);
	CU_ASSERT_EQUAL(publish_notify_next_us(&notify), START_US + PUBLISH_WAKE_US);
	close_all();
}

/* A thread that is awake reads the ring before it sleeps: then nothing is owed to it. */
static void test_awake(void)
{
	open_all();
	tell(START_US);
	(void)woken(notify.news_fd);
	tell(START_US + 10);
	atomic_store(&sub->news_sleeping, 0);
	publish_notify_wake(&notify, sub, START_US + PUBLISH_WAKE_US);
	CU_ASSERT_EQUAL(publish_notify_next_us(&notify), UINT64_MAX);
	atomic_store(&sub->news_sleeping, 1);
	/* It was not woken: the next time that it sleeps it need not wait. */
	tell(START_US + PUBLISH_WAKE_US + 1);
	CU_ASSERT_EQUAL(woken(notify.news_fd), 1);
	close_all();
}

/* Control goes while a wake-up is put off: the worker must not wait for nobody. */
static void test_gone(void)
{
	open_all();
	tell(START_US);
	tell(START_US + 10);
	publish_notify_wake(&notify, NULL, START_US + 20);
	CU_ASSERT_EQUAL(publish_notify_next_us(&notify), UINT64_MAX);
	close_all();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"put off", test_put_off},
		{"events are not", test_events},
		{"awake", test_awake},
		{"control goes", test_gone},
		{NULL, NULL},
	};

	return suite_run("publish_notify", tests);
}
