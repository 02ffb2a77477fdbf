/*
 * The dataplane as control sees it: one attach (abi/attach.h), its mappings and descriptors.
 *
 * Everything that came over the socket is checked before it is used: magic, version, sizes and
 * offsets against the sizes of the files themselves (fstat). What is checked is a copy, and the
 * copy is what is used: a dataplane may write to its memory at any time.
 */
#ifndef DATAPLANE_H
#define DATAPLANE_H

#include "abi/attach.h"
#include "abi/play.h"
#include "abi/sub.h"
#include "relay/log_reader.h"

struct mapping {
	void *base;    /* NULL: not mapped */
	uint64_t size; /* of the file */
	size_t mapped; /* rounded up to pages, huge ones where it has them */
};

struct dataplane_worker {
	struct mapping packets;
	struct mapping pub_mapping;
	struct mapping sub_mapping;
	const struct abi_pub *pub;
	struct abi_pub layout; /* the constant part of *pub, as it was when it was checked */
	struct abi_sub *sub;
	int news_fd;
	int events_fd;
	int commands_fd;
	bool commanded; /* since it was last seen to be awake, or woken */
};

struct dataplane {
	int fd; /* the attach's socket: its end is the end of the dataplane */
	uint64_t generation;
	uint64_t epoch;
	uint32_t pid;
	uint32_t workers_count;
	struct dataplane_worker *workers;
	struct log_regions regions;
};

#define DATAPLANE_ERROR_MAX 160u

/*
 * Connects to RUN_DIR/dataplane.sock and attaches. Waits for the answer for at most two seconds.
 * 0, or -1 with `error` filled; nothing is left behind then.
 */
int dataplane_attach(struct dataplane *dataplane, const char *run_dir,
		     char error[DATAPLANE_ERROR_MAX]) __attribute__((warn_unused_result));

/* Unmaps and closes everything, at once: a mapping kept would keep the hugepages. */
void dataplane_detach(struct dataplane *dataplane);

/* Copies the constant part of `pub`, of `size` bytes; all 0 when they do not hold it. */
void dataplane_copy_layout(struct abi_pub *layout, const struct abi_pub *pub, uint64_t size);

/* The layout that `pub` (a copy) and `sub` claim, against the sizes of their mappings. */
bool dataplane_pub_valid(const struct abi_pub *pub, uint64_t size);
bool dataplane_sub_valid(const struct abi_sub *sub, uint64_t size, const struct abi_pub *pub);

/* What stands at `offset`, one of those of `layout`. */
static inline const void *dataplane_table(const struct dataplane_worker *worker, uint64_t offset)
{
	return (const uint8_t *)worker->pub + offset;
}

static inline const struct abi_stream *dataplane_stream(const struct dataplane_worker *worker,
							uint32_t slot)
{
	return (const struct abi_stream *)dataplane_table(worker, worker->layout.streams_offset) +
	       slot;
}

static inline const struct abi_player *dataplane_player(const struct dataplane_worker *worker,
							uint32_t slot)
{
	return (const struct abi_player *)dataplane_table(worker, worker->layout.players_offset) +
	       slot;
}

#endif
