/*
 * Flood: an attacker's segments, at a rate, beside the publishers.
 *
 * From strangers: our address with ports below 32768, which our TCP never takes, or addresses of a
 * prefix, each segment another one. What is answered to them is dropped unseen (flood_is_answer()),
 * so that SYNs stay half-open at the server. Or with guessed numbers in the name of our publishers'
 * connections (`live`). Or from connections that the attacker has opened himself (intruder.h). Or
 * questions for a link address, each in another neighbour's name: whole frames (ask.h).
 */
#ifndef GEN_FLOOD_H
#define GEN_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/endpoint.h"
#include "bench/gen/intruder.h"

struct rte_mbuf;
struct rte_mempool;

/* X(name, word, TCP flags, bytes of payload) */
#define FLOOD_KINDS(X)                                      \
	X(SYN, syn, RTE_TCP_SYN_FLAG, 0)                    \
	X(ACK, ack, RTE_TCP_ACK_FLAG, 0)                    \
	X(RST, rst, RTE_TCP_RST_FLAG, 0)                    \
	X(FIN, fin, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, 0) \
	X(DATA, data, RTE_TCP_ACK_FLAG, 64)                 \
	X(GARBAGE, garbage, 0, 0)                           \
	X(NEIGHBOUR, neighbour, 0, 0)                       \
	X(BYTES, bytes, 0, 0)                               \
	X(OVERLAP, overlap, 0, 0)                           \
	X(GAPS, gaps, 0, 0)                                 \
	X(WINDOW, window, 0, 0)

enum flood_kind {
	FLOOD_NONE = 0,
#define FLOOD_ENUM(name, word, flags, payload) FLOOD_##name,
	FLOOD_KINDS(FLOOD_ENUM)
#undef FLOOD_ENUM
		FLOOD_KIND_COUNT
};

#define FLOOD_LIVE_MAX 1024u /* connections of publishers in whose name it speaks */

struct flood {
	enum flood_kind kind;
	bool running; /* from the beginning of the time measured on */
	bool live;
	uint32_t rate_pps;
	struct rte_mempool *pool;
	struct in6_addr from;
	uint8_t from_bits; /* of `from` (128) that stay; 0: all of them */
	struct endpoint to;
	struct in6_addr target; /* whose link address is asked for */
	uint64_t random;
	uint64_t begin_us; /* 0: not yet */
	uint64_t sent;
	uint32_t live_count;
	struct endpoint live_ends[FLOOD_LIVE_MAX]; /* the caller's to fill */
	struct intruders intruders;
};

/* 0, or -1 when there is no such kind. */
int flood_kind_parse(const char *text, enum flood_kind *kind) __attribute__((warn_unused_result));
/* All words, for a usage text. */
const char *flood_kind_words(void);

static inline bool flood_is_intruder(enum flood_kind kind)
{
	return kind >= FLOOD_BYTES;
}

/* Of a kind that is an intruder's. */
static inline enum intruder_kind flood_intruder_kind(enum flood_kind kind)
{
	return (enum intruder_kind)(kind < FLOOD_BYTES ? 0 : kind - FLOOD_BYTES);
}

/* What it makes are frames, not IP packets. */
static inline bool flood_is_frames(const struct flood *flood)
{
	return flood->kind == FLOOD_NEIGHBOUR;
}

/* What is due, at most `max`. */
uint32_t flood_make(struct flood *flood, struct rte_mbuf **packets, uint32_t max, uint64_t now_us);

/* Whether a received TCP packet answers one of them; intruders take note of what it says. */
bool flood_is_answer(struct flood *flood, const struct rte_mbuf *packet);

#endif
