#include "dataplane/transmit.h"

#include <rte_ethdev.h>
#include <string.h>

#include "dataplane/net/net.h"
#include "dataplane/port.h"

#define PATIENCE_US UINT64_C(10000)

/* Removes frames [from, to) from the front part of the queue. */
static void remove_frames(struct net *net, uint32_t from, uint32_t to)
{
	memmove(&net->frames[from], &net->frames[to],
		(net->frames_count - to) * sizeof(struct rte_mbuf *));
	net->frames_count -= to - from;
}

/* For ports that cannot send chains. What does not fit one mbuf is dropped: MTU bounds it. */
static void linearize(struct net *net)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < net->frames_count; i++) {
		struct rte_mbuf *frame = net->frames[i];

		if (frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) < 0) {
			net_count(net, DP_COUNTER_drop_malformed);
			rte_pktmbuf_free(frame);
		} else {
			net->frames[kept++] = frame;
		}
	}
	net->frames_count = kept;
}

/*
 * Lets the driver check frames that want an offload, and drops those it refuses. Returns how many
 * at the front may be sent.
 */
static uint16_t prepare(const struct dp_transmit *transmit, struct net *net)
{
	if ((transmit->port->tx_offloads & ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS) == 0) {
		return (uint16_t)net->frames_count;
	}
	uint16_t ready = 0;
	while (ready < net->frames_count) {
		ready +=
			rte_eth_tx_prepare(transmit->port->id, transmit->queue, net->frames + ready,
					   (uint16_t)(net->frames_count - ready));
		if (ready < net->frames_count) {
			net_count(net, DP_COUNTER_drop_malformed);
			rte_pktmbuf_free(net->frames[ready]);
			remove_frames(net, ready, ready + 1u);
		}
	}
	return ready;
}

static uint64_t bytes_of(struct rte_mbuf *const *frames, uint32_t count)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++) {
		bytes += frames[i]->pkt_len;
	}
	return bytes;
}

static void give_up(struct net *net)
{
	dp_count(net->counters, DP_COUNTER_tx_full, net->frames_count);
	rte_pktmbuf_free_bulk(net->frames, net->frames_count);
	net->frames_count = 0;
}

uint32_t dp_transmit_flush(struct dp_transmit *transmit, struct net *net)
{
	if (net->frames_count == 0) {
		transmit->progress_us = net->now_us;
		return 0;
	}
	if (!(transmit->port->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS)) {
		linearize(net);
	}
	uint16_t ready = prepare(transmit, net);
	uint64_t bytes = bytes_of(net->frames, ready);
	uint16_t sent = rte_eth_tx_burst(transmit->port->id, transmit->queue, net->frames, ready);

	/* Frames that were sent are gone: subtract the rest. */
	bytes -= bytes_of(net->frames + sent, ready - sent);
	dp_count(net->counters, DP_COUNTER_tx_packets, sent);
	dp_count(net->counters, DP_COUNTER_tx_bytes, bytes);
	remove_frames(net, 0, sent);
	if (sent != 0) {
		transmit->progress_us = net->now_us;
	} else if (net->now_us - transmit->progress_us > PATIENCE_US) {
		give_up(net);
	}
	return sent;
}
