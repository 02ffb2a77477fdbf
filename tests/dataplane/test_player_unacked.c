/*
 * mbufs that come free as what they hold is acknowledged: all of them, none twice, about in time.
 */
#include <CUnit/Basic.h>

#include "dataplane/player_unacked.h"
#include "suite.h"

static struct player_unacked u;

static void test_whole(void)
{
	player_unacked_init(&u);
	CU_ASSERT_FALSE(player_unacked_any(&u));
	player_unacked_add(&u, 0, 4000, 2);
	player_unacked_add(&u, 4000, 100, 1);
	CU_ASSERT_TRUE(player_unacked_any(&u));
	CU_ASSERT_EQUAL(player_unacked_take(&u, 0), 0);
	CU_ASSERT_EQUAL(player_unacked_take(&u, 4000), 2);
	CU_ASSERT_EQUAL(player_unacked_take(&u, 4100), 1);
	CU_ASSERT_FALSE(player_unacked_any(&u));
	CU_ASSERT_EQUAL(player_unacked_take(&u, 9000), 0);
}

/* A large one comes free bit by bit. */
static void test_part(void)
{
	player_unacked_init(&u);
	player_unacked_add(&u, 1000, 200000, 100);
	CU_ASSERT_EQUAL(player_unacked_take(&u, 2999), 0);
	CU_ASSERT_EQUAL(player_unacked_take(&u, 3000), 1);
	CU_ASSERT_EQUAL(player_unacked_take(&u, 101000), 49);
	CU_ASSERT_EQUAL(player_unacked_take(&u, 201000), 50);
	CU_ASSERT_FALSE(player_unacked_any(&u));
}

/* More than there are notes, acknowledged in steps that fit nothing: the sum is right. */
static void test_many(void)
{
	const uint32_t count = 10 * PLAYER_UNACKED_NOTES;
	uint64_t begin = 0;
	uint32_t given = 0;
	uint32_t back = 0;

	player_unacked_init(&u);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t bytes = 1 + i * 7919 % 50000;
		uint32_t mbufs = bytes / 2000 + 1;

		player_unacked_add(&u, begin, bytes, mbufs);
		begin += bytes;
		given += mbufs;
		if (i % 3 == 0) {
			back += player_unacked_take(&u, begin - begin / 3);
			CU_ASSERT_TRUE(back <= given);
		}
	}
	for (uint64_t at = begin / 2; at < begin; at += 4099) {
		back += player_unacked_take(&u, at);
		CU_ASSERT_TRUE(back <= given);
	}
	CU_ASSERT_EQUAL(back + player_unacked_take(&u, begin), given);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"whole", test_whole},
		{"in part", test_part},
		{"more than notes", test_many},
		{.name = NULL},
	};

	return suite_run("dataplane/player_unacked", tests);
}
