/*
 * `sub`: what control writes for one worker. The dataplane treats every value in it as hostile:
 * loads it once, checks its range, counts what it refuses (abi_sub_refused).
 *
 * A fresh one is made by the dataplane at each attach.
 */
#ifndef ABI_SUB_H
#define ABI_SUB_H

#include "abi/pub.h"

#define ABI_COMMAND_RING 1024u /* commands; a power of two */
#define ABI_ORIGINS_MAX  16u   /* of one stream */

enum abi_command_type {
	ABI_COMMAND_ACCEPT = 1, /* `name` is the public name, the limits are those of its app */
	ABI_COMMAND_REJECT,     /* `value` is an enum rtmp_reject, `name` says more, or is empty */
	ABI_COMMAND_KICK,       /* ends a live publication; the same */
	ABI_COMMAND_RECONNECT,  /* asks a live publisher to connect anew; `name` is a tcUrl, or
				   empty: to the same. Nothing happens to one that cannot, or
				   whose connection was asked in this drain already */
	ABI_COMMAND_DRAIN,      /* of the edge, slot and generation mean nothing: written down in
				   abi_pub for the next control. Another time or target is
				   another drain */
	ABI_COMMAND_END,        /* one more than the last of these */
	/* slot and generation of a player (abi/play.h) */
	ABI_COMMAND_PLAY_ACCEPT = 16, /* `stream` is what it gets, `name` the public name */
	ABI_COMMAND_PLAY_REJECT,      /* `value` is an enum rtmp_play_reject */
	ABI_COMMAND_PLAY_KICK,        /* ends it; the same */
	ABI_COMMAND_PLAY_RECONNECT,   /* asks it to connect anew, to the URL in `name` */
};

struct abi_command {
	uint32_t type;
	uint32_t slot;
	uint64_t generation;
	uint32_t value;
	/* ACCEPT; 0: as the worker is configured */
	uint32_t message_max; /* bytes */
	uint32_t idle_ms;
	uint32_t first_media_ms; /* audio or video has to come; 0: it need not */
	uint64_t drain_until_us; /* DRAIN: abi_pub.drain_until_us; `name`: abi_pub.drain_target */
	char name[ABI_NAME_MAX];
	struct {
		uint64_t generation;
		uint32_t worker;
		uint32_t slot;
	} stream; /* PLAY_ACCEPT: a publication, of any worker */
};

/*
 * Consumer position of one stream; written by its relay thread. At the attach, before control gets
 * the descriptors, the dataplane writes {generation, reclaimed} for every publication that is LIVE
 * or ENDED: from there on nothing of it is given back but what control releases. A new control
 * starts its origins there. (An ENDED one that is not in its table any more has the generation of
 * a publication that is gone: no harm.)
 */
struct abi_tail {
	_Atomic uint64_t generation; /* written after a position of 0, before the first real one */
	_Atomic uint64_t position;   /* abi/log.h */
};

/*
 * Where the origins of one stream would go on: for each the position of the last keyframe at or
 * before what it acknowledged. Written by the relay thread, handed on by the dataplane, so that a
 * new control starts every origin at its own place and not all of them at the common tail.
 *
 * An entry belongs to `origin`, a hash of what identifies it in the configuration; where several
 * entries bear the same, the lowest position counts. Position 0, or no entry: it starts at the
 * tail. The owner of an entry changes by way of position 0, the owner of all of them by way of
 * generation 0, so that whoever is killed in between leaves repeats and no gap.
 *
 * At the attach the dataplane writes what the one before left: nothing of another generation, and
 * the tail in place of what lies below it or beyond the head.
 */
struct abi_origin_position {
	_Atomic uint64_t origin; /* 0: the entry is free */
	_Atomic uint64_t position;
};

struct abi_resume {
	_Atomic uint64_t generation; /* of the publication; 0: the entries mean nothing */
	struct abi_origin_position origins[ABI_ORIGINS_MAX];
};

struct abi_sub {
	uint64_t magic;
	uint32_t version;
	uint32_t worker;
	uint64_t generation; /* of the dataplane that made it */
	uint64_t epoch;      /* of the attach, from 1 */
	uint32_t streams;
	uint32_t reserved;

	alignas(128) _Atomic uint64_t heartbeat_us; /* CLOCK_MONOTONIC */
	alignas(128) _Atomic uint64_t command_head; /* commands written; main thread */
	/* Events consumed; main thread. Seeded with event_head at the attach: what came before is
	 * in the stream table. */
	alignas(128) _Atomic uint64_t event_tail;

	/*
	 * Set (seq_cst) by a thread of control before it sleeps on its eventfd; having set it, it
	 * looks once more before it sleeps. The worker, having published, runs a seq_cst fence and
	 * writes the eventfd when the flag is set. Without both fences wake-ups are lost.
	 */
	alignas(128) _Atomic uint32_t news_sleeping;  /* relay thread */
	alignas(128) _Atomic uint32_t event_sleeping; /* main thread */

	alignas(128) struct abi_inspect inspect; /* main thread */

	alignas(128) struct abi_command commands[ABI_COMMAND_RING];
	alignas(128) struct abi_tail tail[]; /* [streams]; behind them abi_sub_resume() */
};

static_assert(sizeof(struct abi_command) == 568, "command");
static_assert(sizeof(struct abi_tail) == 16, "tail");
static_assert(sizeof(struct abi_resume) == 264, "positions of origins");
static_assert(offsetof(struct abi_sub, heartbeat_us) == 128, "sub");
static_assert(offsetof(struct abi_sub, inspect) == 768, "sub");
static_assert(offsetof(struct abi_sub, commands) == 896, "sub");

static inline uint64_t abi_sub_resume_offset(uint32_t streams)
{
	return sizeof(struct abi_sub) + (uint64_t)streams * sizeof(struct abi_tail);
}

/* struct abi_resume[streams]. `streams` is the caller's own knowledge, not the field. */
static inline struct abi_resume *abi_sub_resume(struct abi_sub *sub, uint32_t streams)
{
	return (struct abi_resume *)(void *)((uint8_t *)sub + abi_sub_resume_offset(streams));
}

static inline uint64_t abi_sub_size(uint32_t streams)
{
	return abi_sub_resume_offset(streams) + (uint64_t)streams * sizeof(struct abi_resume);
}

#endif
