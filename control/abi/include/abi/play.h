/*
 * Players: who watches a publication from the edge (RTMP play), as the worker that owns the
 * player's connection shows it. A table of fixed size in `pub`; there is none (abi_pub.players 0)
 * when the configuration lets nobody play.
 *
 * A play becomes a slot in state ASKED and an ABI_EVENT_PLAY; control answers with
 * ABI_COMMAND_PLAY_ACCEPT, which names the publication, or ABI_COMMAND_PLAY_REJECT. Slot and
 * generation of these commands are those of the player. The publication may be another worker's.
 */
#ifndef ABI_PLAY_H
#define ABI_PLAY_H

#include "abi/pub.h"

#define ABI_PLAYERS_MAX 256u /* of a worker */

enum abi_player_state {
	ABI_PLAYER_FREE = 0,
	ABI_PLAYER_ASKED,   /* control has to accept or reject */
	ABI_PLAYER_PLAYING, /* accepted: `stream` and `name` are set */
};

/*
 * As of a stream: `generation` is odd while a player lives in the slot, and (fixed) fields are
 * constant until it changes.
 */
struct abi_player {
	alignas(64) _Atomic uint64_t generation;
	_Atomic uint32_t state;      /* enum abi_player_state */
	uint32_t connection;         /* (fixed) as penstockctl connections shows it */
	uint64_t started_us;         /* (fixed) dataplane clock */
	_Atomic uint64_t sent_bytes; /* given to TCP: chunk headers are counted */
	_Atomic uint64_t messages;   /* taken from the log for it */
	_Atomic uint64_t skips;      /* times it fell behind and was moved to another keyframe */
	_Atomic uint64_t skipped_messages;

	alignas(64) _Atomic uint64_t lag_us; /* age of the message that it gets next; 0: none */
	_Atomic uint64_t pinned_bytes;       /* truesize of what waits, and of what is under way */
	uint64_t stream_generation;          /* set from the accept, before PLAYING */
	uint32_t stream_worker;
	uint32_t stream_slot;
	uint8_t address[16];      /* (fixed) IPv6, or IPv4-mapped */
	char peer[ABI_PEER_MAX];  /* (fixed) */
	char app[ABI_APP_MAX];    /* (fixed) */
	char asked[ABI_NAME_MAX]; /* (fixed) as asked for, query and key included: SECRET */
	char name[ABI_NAME_MAX];  /* public name; set from the accept, before PLAYING */
};

static_assert(sizeof(struct abi_player) == 1344, "player slot");
static_assert(offsetof(struct abi_player, lag_us) == 64, "player slot");

#endif
