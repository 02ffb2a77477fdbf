/*
 * A port without a wire: what the stack left to it is done here (checksums, segmentation), and
 * what arrives gets the flags of a port that verified it, or of one that did not.
 */
#ifndef SIM_NIC_H
#define SIM_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include "lro.h"
#include "rng.h"

struct network;
struct network_packet;
struct rte_mbuf;
struct rte_mempool;

struct nic {
	struct rng rng;
	uint64_t offload_tx; /* RTE_MBUF_F_TX_* that it does */
	bool verifies;       /* says whether checksums are right */
	uint32_t split_pm;   /* packets that it receives into more than one buffer, per mille */
	struct lro lro;
	struct rte_mempool *pool;
	uint64_t sent;     /* packets on the wire */
	uint64_t received; /* into buffers, merged ones once */
	uint64_t merged;   /* into one before */
	uint64_t no_mbuf;
	uint64_t corrupt; /* of those received */
};

void nic_init(struct nic *nic, uint64_t seed, struct rte_mempool *pool);
/* Takes a packet of the stack; returns NULL or what is wrong with it. */
const char *nic_send(struct nic *nic, struct network *net, uint32_t to, struct rte_mbuf *packet,
		     uint64_t now_us) __attribute__((warn_unused_result));
/* Takes a packet of the network; NULL: no buffer, counted. */
struct rte_mbuf *nic_receive(struct nic *nic, struct network_packet *packet);

#endif
