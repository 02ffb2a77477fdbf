/*
 * Positions of origins between two controls: what is believed, what becomes of the rest.
 */
#include "dataplane/publish_resume.h"

#include <string.h>

#include "suite.h"

#define GENERATION 5
#define HEAD       1000

static struct abi_resume sub;
static struct publish_resume kept;

static void start(void)
{
	memset(&sub, 0, sizeof(sub));
	publish_resume_clear(&kept);
	atomic_store(&sub.generation, GENERATION);
}

static void put(uint32_t entry, uint64_t origin, uint64_t position)
{
	atomic_store(&sub.origins[entry].origin, origin);
	atomic_store(&sub.origins[entry].position, position);
}

static uint32_t take(void)
{
	return publish_resume_take(&kept, &sub, GENERATION, HEAD);
}

/* Into a fresh one, as at an attach. */
static void give(uint64_t tail)
{
	memset(&sub, 0, sizeof(sub));
	publish_resume_give(&kept, &sub, GENERATION, tail);
	CU_ASSERT_EQUAL(sub.generation, GENERATION);
}

static void expect(uint32_t entry, uint64_t origin, uint64_t position)
{
	CU_ASSERT_EQUAL(sub.origins[entry].origin, origin);
	CU_ASSERT_EQUAL(sub.origins[entry].position, position);
}

static void test_handed_on(void)
{
	start();
	put(0, 11, 300);
	put(7, 12, 200);
	put(ABI_ORIGINS_MAX - 1, UINT64_MAX, HEAD);
	CU_ASSERT_EQUAL(take(), 0);
	for (int i = 0; i < 2; i++) { /* the first one was killed before it wrote anything */
		give(200);
		expect(0, 11, 300);
		expect(1, 0, 0);
		expect(7, 12, 200);
		expect(ABI_ORIGINS_MAX - 1, UINT64_MAX, HEAD);
		CU_ASSERT_EQUAL(take(), 0);
	}
}

static void test_beyond_the_head(void)
{
	start();
	put(0, 11, HEAD + 1);
	put(1, 12, UINT64_MAX);
	put(2, 13, UINT64_C(1) << 63);
	put(3, 14, 400);
	put(4, 0, UINT64_MAX); /* nobody's */
	CU_ASSERT_EQUAL(take(), 3);
	give(100);
	expect(0, 11, 100);
	expect(1, 12, 100);
	expect(2, 13, 100);
	expect(3, 14, 400);
	expect(4, 0, 0);
}

/* No position yet, released beyond it, or dropped unread meanwhile. */
static void test_below_the_tail(void)
{
	start();
	put(0, 11, 0);
	put(1, 12, 99);
	put(2, 13, 100);
	CU_ASSERT_EQUAL(take(), 0);
	give(100);
	expect(0, 11, 100);
	expect(1, 12, 100);
	expect(2, 13, 100);
	give(HEAD);
	expect(2, 13, HEAD);
}

/* Killed while it cleared the entries of another publication, or before: what is older stays. */
static void test_another_generation(void)
{
	start();
	put(0, 11, 300);
	CU_ASSERT_EQUAL(take(), 0);
	for (int i = 0; i < 3; i++) {
		const uint64_t generations[] = {0, GENERATION - 2, GENERATION + 2};

		atomic_store(&sub.generation, generations[i]);
		put(0, 11, 900);
		put(1, 12, UINT64_MAX);
		CU_ASSERT_EQUAL(take(), 0);
		give(100);
		expect(0, 11, 300);
		expect(1, 0, 0);
	}
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"handed on", test_handed_on},
		{"beyond the head", test_beyond_the_head},
		{"below the tail", test_below_the_tail},
		{"another generation", test_another_generation},
		{NULL, NULL},
	};

	return suite_run("publish_resume", tests);
}
