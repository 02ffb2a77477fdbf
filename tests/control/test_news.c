/*
 * The ring of news as its reader sees it: each slot once, and word when some were lost. (That no
 * wake-up is lost is shown by tests/model/wake.pml and tests/stress.)
 */
#include "relay/news.h"

#include <string.h>

#include "check.h"

static struct {
	struct abi_pub pub;
	_Atomic uint32_t ring[ABI_NEWS_RING];
} mapping;
static struct abi_sub sub;
static struct news news;

static uint32_t seen_count;
static uint32_t seen_last;
static uint32_t more; /* written while the reader reads */

static void put(uint32_t slot)
{
	uint64_t head = atomic_load(&mapping.pub.news_head);

	atomic_store(&mapping.ring[head % ABI_NEWS_RING], slot);
	atomic_store(&mapping.pub.news_head, head + 1);
}

static void see(void *app, uint32_t slot)
{
	CU_ASSERT_PTR_EQUAL(app, &news);
	seen_count++;
	seen_last = slot;
	for (; more > 0; more--) {
		put(0);
	}
}

static void start(void)
{
	memset(&mapping, 0, sizeof(mapping));
	mapping.pub.news_offset = (uint64_t)((uint8_t *)mapping.ring - (uint8_t *)&mapping);
	atomic_store(&mapping.pub.news_head, UINT64_MAX - 1); /* it wraps early */
	seen_count = 0;
	more = 0;
	news_init(&news, &mapping.pub, mapping.pub.news_offset, &sub);
}

static bool read_all(void)
{
	seen_count = 0;
	return news_read(&news, see, &news);
}

static void test_in_order(void)
{
	start();
	CU_ASSERT(read_all());
	CU_ASSERT_EQUAL(seen_count, 0);
	put(7);
	put(8);
	put(9);
	CU_ASSERT(read_all());
	CU_ASSERT_EQUAL(seen_count, 3);
	CU_ASSERT_EQUAL(seen_last, 9);
	CU_ASSERT(read_all());
	CU_ASSERT_EQUAL(seen_count, 0);
}

static void put_many(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		put(i);
	}
}

static void test_overrun(void)
{
	start();
	put_many(ABI_NEWS_RING - 1);
	CU_ASSERT(read_all());
	CU_ASSERT_EQUAL(seen_count, ABI_NEWS_RING - 1);
	put_many(ABI_NEWS_RING);
	CU_ASSERT_FALSE(read_all());
	/* The writer comes around while we read. */
	put_many(2);
	more = ABI_NEWS_RING - 2;
	CU_ASSERT_FALSE(read_all());
	CU_ASSERT(read_all());
	CU_ASSERT_EQUAL(seen_count, ABI_NEWS_RING - 2);
}

static void test_sleep(void)
{
	start();
	CU_ASSERT(news_begin_sleep(&news));
	CU_ASSERT_EQUAL(atomic_load(&sub.news_sleeping), 1);
	news_end_sleep(&news);
	CU_ASSERT_EQUAL(atomic_load(&sub.news_sleeping), 0);
	put(3);
	CU_ASSERT_FALSE(news_begin_sleep(&news));
	news_end_sleep(&news);
	CU_ASSERT(read_all());
	CU_ASSERT(news_begin_sleep(&news));
	news_end_sleep(&news);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"in order", test_in_order},
		{"overrun", test_overrun},
		{"sleep", test_sleep},
		CU_TEST_INFO_NULL,
	};

	return check_run("news", tests);
}
