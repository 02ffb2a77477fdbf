#include "dataplane/play_mesh.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <string.h>

#include "abi/play.h"
#include "dataplane/local_memory.h"
#include "dataplane/play_share.h"

#define POOL_ROOM  2048u
/* What one worker has in a cache no other can have: the shares would not add up. */
#define POOL_CACHE 0u

static_assert(PLAY_RING >= ABI_PLAYERS_MAX, "a mailbox has room for every player of a worker");

static size_t feeds_size(const struct play_mesh *mesh)
{
	return (size_t)mesh->workers * mesh->players * sizeof(mesh->feeds[0]);
}

static size_t mailboxes_size(const struct play_mesh *mesh)
{
	return (size_t)mesh->workers * mesh->workers * sizeof(mesh->mailboxes[0]);
}

static uint32_t truesize_of(const struct rte_mempool *pool)
{
	return pool->header_size + pool->elt_size + pool->trailer_size;
}

/* Of all workers: what one of them does not use another one's players may. */
static int create_pool(struct play_mesh *mesh, const struct config_play *config)
{
	uint32_t room = RTE_PKTMBUF_HEADROOM + POOL_ROOM;
	uint32_t each = (uint32_t)sizeof(struct rte_mbuf) + room + RTE_CACHE_LINE_SIZE;
	uint32_t mbufs = (uint32_t)(((uint64_t)config->memory_mib << 20) / each);

	mesh->pool = rte_pktmbuf_pool_create("play", mbufs, POOL_CACHE, 0, (uint16_t)room,
					     SOCKET_ID_ANY);
	if (mesh->pool == NULL) {
		return -rte_errno;
	}
	mesh->truesize = truesize_of(mesh->pool);
	mesh->player_mbufs = (uint32_t)(((uint64_t)config->player_kib << 10) / mesh->truesize);
	play_share_init(mesh);
	return 0;
}

int play_mesh_create(struct play_mesh *mesh, const struct config_play *config, uint32_t chunk_size,
		     uint32_t workers)
{
	*mesh = (struct play_mesh){
		.workers = workers,
		.players = config->players,
		.chunk_size = chunk_size,
		.lag_max_us = config->lag_max_ms * UINT64_C(1000),
		.behind_max_us = config->behind_max_ms > 0 ? config->behind_max_ms * UINT64_C(1000)
							   : UINT64_MAX,
	};
	int err = create_pool(mesh, config);
	if (err == 0) {
		mesh->feeds = local_alloc(feeds_size(mesh), -1);
		mesh->mailboxes = local_alloc(mailboxes_size(mesh), -1);
		err = mesh->feeds != NULL && mesh->mailboxes != NULL ? 0 : -ENOMEM;
	}
	if (err < 0) {
		play_mesh_destroy(mesh);
	}
	return err;
}

void play_mesh_destroy(struct play_mesh *mesh)
{
	local_free(mesh->feeds, feeds_size(mesh));
	local_free(mesh->mailboxes, mailboxes_size(mesh));
	rte_mempool_free(mesh->pool);
	*mesh = (struct play_mesh){.workers = 0};
}

void play_mesh_wake(const struct play_mesh *mesh, uint32_t self, uint32_t worker)
{
	if (worker != self && mesh->wakes[worker] != NULL) {
		dp_wake(mesh->wakes[worker]);
	}
}
