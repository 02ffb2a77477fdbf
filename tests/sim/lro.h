/*
 * Large receive offload: a port that makes one packet of consecutive segments of a connection, as
 * NICs and virtual ports do: headers of the first, with the length of all; some take
 * acknowledgement, window and timestamps of the last, others merge only what says the same. The
 * payload lies in full buffers, or in one buffer for each segment.
 */
#ifndef SIM_LRO_H
#define SIM_LRO_H

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

struct network_packet;

struct lro {
	uint32_t len_max; /* of what it makes, with headers; 0: it merges nothing */
	bool takes_last;  /* acknowledgement, window and timestamps */
	bool keeps_apart; /* segments, in buffers of their own */
	bool says_size;   /* of the segments (RTE_MBUF_F_RX_LRO) */
};

void lro_init(struct lro *lro, struct rng *rng);
/* Does `next` continue `packet`, and may they be one? */
bool lro_may_merge(const struct lro *lro, const struct network_packet *packet,
		   const struct network_packet *next);
/* Returns `packet`, moved, with the payload of `next` behind it. */
struct network_packet *lro_merge(const struct lro *lro, struct network_packet *packet,
				 const struct network_packet *next);
/* Bytes of `packet` from offset `done` on that belong into one buffer; 0: as many as fit. */
uint32_t lro_apart(const struct lro *lro, const struct network_packet *packet, uint32_t done);

#endif
