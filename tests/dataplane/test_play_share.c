/*
 * What each player may take of the pool (dataplane/play_share.h), for small and large pools.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/play_mesh.h"
#include "dataplane/play_share.h"
#include "suite.h"
#include "world.h"

static struct play_mesh mesh;

static void open_mesh(uint32_t memory_mib, uint32_t players, uint32_t workers)
{
	const struct config_play config = {
		.players = players, .memory_mib = memory_mib, .player_kib = 2048};

	CU_ASSERT_EQUAL_FATAL(play_mesh_create(&mesh, &config, 4096, workers), 0);
}

/* Nobody has more of its own than it can use, and at least half is for who needs it. */
static void test_reserves(void)
{
	static const struct {
		uint32_t memory_mib;
		uint32_t players;
		uint32_t workers;
		bool full; /* the whole reserve is there */
	} cases[] = {
		{16, 32, 1, true},  {16, 32, 4, true},  {16, 32, 8, false}, {33, 32, 8, true},
		{1, 256, 1, false}, {1, 256, 4, false}, {64, 1, 1, true},
	};

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_mesh(cases[i].memory_mib, cases[i].players, cases[i].workers);
		uint32_t slots = cases[i].players * cases[i].workers;
		uint32_t useful = (PLAY_RESERVE_KIB << 10) / mesh.truesize;

		CU_ASSERT_TRUE(mesh.reserve_mbufs <= useful);
		CU_ASSERT_EQUAL(mesh.reserve_mbufs == useful, cases[i].full);
		CU_ASSERT_TRUE(mesh.common_mbufs >= mesh.pool->size / 2);
		CU_ASSERT_EQUAL(mesh.common_mbufs + mesh.reserve_mbufs * slots, mesh.pool->size);
		play_mesh_destroy(&mesh);
	}
}

/* Two that take all they can: the second one gets half of what the first one leaves. */
static void test_halves(void)
{
	open_mesh(4, 2, 1);
	struct play_feed *first = play_feed_at(&mesh, 0, 0);
	struct play_feed *second = play_feed_at(&mesh, 0, 1);
	uint32_t reserve = mesh.reserve_mbufs;
	uint32_t half = mesh.common_mbufs / 2;

	mesh.player_mbufs = UINT32_MAX;
	CU_ASSERT_EQUAL(play_share_update(&mesh, first), reserve + mesh.common_mbufs);
	atomic_store(&first->put_mbufs, reserve + half);
	(void)play_share_update(&mesh, first);
	CU_ASSERT_EQUAL(play_share_update(&mesh, second), reserve + mesh.common_mbufs - half);
	atomic_store(&first->returned_mbufs, half);
	(void)play_share_update(&mesh, first);
	CU_ASSERT_EQUAL(play_share_update(&mesh, second), reserve + mesh.common_mbufs);
	atomic_store(&first->returned_mbufs, 0);
	(void)play_share_update(&mesh, first);
	play_share_release(&mesh, first);
	CU_ASSERT_EQUAL(play_share_update(&mesh, second), reserve + mesh.common_mbufs);
	play_mesh_destroy(&mesh);
}

/* What is not there nobody is told to take: others have it who are in no account any more. */
static void test_elsewhere(void)
{
	static struct rte_mbuf *taken[4096];
	uint32_t count = 0;

	open_mesh(4, 2, 1);
	struct play_feed *feed = play_feed_at(&mesh, 0, 0);

	mesh.player_mbufs = UINT32_MAX;
	while (rte_mempool_avail_count(mesh.pool) > 10) {
		taken[count] = rte_pktmbuf_alloc(mesh.pool);
		CU_ASSERT_PTR_NOT_NULL_FATAL(taken[count]);
		count++;
	}
	CU_ASSERT_EQUAL(play_share_update(&mesh, feed), mesh.reserve_mbufs + 10);
	while (count > 0) {
		rte_pktmbuf_free(taken[--count]);
	}
	play_mesh_destroy(&mesh);
}

/* No core keeps mbufs that no other one can have. */
static void test_no_cache(void)
{
	open_mesh(1, 2, 2);
	CU_ASSERT_EQUAL(mesh.pool->cache_size, 0);
	play_mesh_destroy(&mesh);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"reserves", test_reserves},
		{"common part", test_halves},
		{"in no account", test_elsewhere},
		{"no cache", test_no_cache},
		{.name = NULL},
	};

	world_start_eal();
	return suite_run("dataplane/play_share", tests);
}
