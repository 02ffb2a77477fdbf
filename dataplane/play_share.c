#include "dataplane/play_share.h"

#include <rte_mempool.h>

#include "dataplane/play_mesh.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void play_share_init(struct play_mesh *mesh)
{
	uint32_t slots = mesh->workers * mesh->players;
	uint32_t all = mesh->pool->size;
	uint32_t useful = (PLAY_RESERVE_KIB << 10) / mesh->truesize;

	mesh->reserve_mbufs = least(useful, all / 2 / slots);
	mesh->common_mbufs = all - mesh->reserve_mbufs * slots;
	atomic_store_explicit(&mesh->common_used, 0, memory_order_relaxed);
}

uint32_t play_share_held(const struct play_feed *feed)
{
	return (uint32_t)(atomic_load_explicit(&feed->put_mbufs, memory_order_relaxed) -
			  atomic_load_explicit(&feed->returned_mbufs, memory_order_relaxed));
}

static void account(struct play_mesh *mesh, struct play_feed *feed, uint32_t common)
{
	if (common != feed->common) {
		/* Modulo 2^32, so that less may be added as well. */
		atomic_fetch_add_explicit(&mesh->common_used, common - feed->common,
					  memory_order_relaxed);
		feed->common = common;
	}
}

uint32_t play_share_update(struct play_mesh *mesh, struct play_feed *feed)
{
	uint32_t held = play_share_held(feed);

	account(mesh, feed, held > mesh->reserve_mbufs ? held - mesh->reserve_mbufs : 0);
	uint32_t used = atomic_load_explicit(&mesh->common_used, memory_order_relaxed);
	uint32_t free = used < mesh->common_mbufs ? mesh->common_mbufs - used : 0;
	return least(mesh->player_mbufs,
		     mesh->reserve_mbufs + least(free, rte_mempool_avail_count(mesh->pool)));
}

void play_share_release(struct play_mesh *mesh, struct play_feed *feed)
{
	account(mesh, feed, 0);
}
