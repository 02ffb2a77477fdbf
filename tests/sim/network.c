#include "network.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

void network_init(struct network *net, uint64_t seed, uint32_t loss_pm)
{
	memset(net, 0, sizeof(*net));
	net->rng.state = seed;
	net->loss_pm = rng_range(&net->rng, 0, loss_pm);
	net->duplicate_pm = rng_range(&net->rng, 0, loss_pm);
	net->reorder_pm = rng_range(&net->rng, 0, loss_pm);
	net->corrupt_pm = rng_chance(&net->rng, 300) ? rng_range(&net->rng, 0, loss_pm / 3) : 0;
	net->split_pm = rng_chance(&net->rng, 300) ? rng_range(&net->rng, 0, 500) : 0;
	net->delay_ms = rng_range(&net->rng, 1, 60);
	net->jitter_ms = rng_chance(&net->rng, 300) ? rng_range(&net->rng, 0, 5) : 0;
}

void network_fini(struct network *net)
{
	while (net->queue != NULL) {
		struct network_packet *next = net->queue->next;

		free(net->queue);
		net->queue = next;
	}
}

static struct network_packet *copy_to_wire(struct rte_mbuf *packet, uint32_t to)
{
	struct network_packet *wire = malloc(sizeof(*wire) + packet->pkt_len);
	uint32_t at = 0;

	for (struct rte_mbuf *seg = packet; seg != NULL; seg = seg->next) {
		memcpy(wire->data + at, rte_pktmbuf_mtod(seg, const void *), seg->data_len);
		at += seg->data_len;
	}
	wire->len = at;
	wire->to = to;
	return wire;
}

static void enqueue(struct network *net, struct network_packet *wire, uint64_t now_us)
{
	struct network_packet **link = &net->queue;
	uint64_t delay_ms = net->delay_ms + rng_range(&net->rng, 0, net->jitter_ms);

	if (rng_chance(&net->rng, net->reorder_pm)) {
		delay_ms += rng_range(&net->rng, 1, 20);
	}
	/* Whole milliseconds, so that packets arrive in bursts. */
	wire->at_us = (now_us / 1000 + delay_ms) * 1000;
	while (*link != NULL && (*link)->at_us <= wire->at_us) {
		link = &(*link)->next;
	}
	wire->next = *link;
	*link = wire;
	net->carried++;
}

void network_send(struct network *net, struct rte_mbuf *packet, uint32_t to, uint64_t now_us)
{
	if (!rng_chance(&net->rng, net->loss_pm)) {
		struct network_packet *wire = copy_to_wire(packet, to);

		if (rng_chance(&net->rng, net->duplicate_pm)) {
			enqueue(net, copy_to_wire(packet, to), now_us);
		}
		if (rng_chance(&net->rng, net->corrupt_pm)) {
			uint32_t at = rng_range(&net->rng, 0, wire->len - 1);

			wire->data[at] ^= (uint8_t)rng_range(&net->rng, 1, 255);
		}
		enqueue(net, wire, now_us);
	}
	rte_pktmbuf_free(packet);
}

static struct rte_mbuf *copy_from_wire(struct network *net, const struct network_packet *wire,
				       struct rte_mempool *pool)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
	uint32_t first = wire->len;

	if (packet == NULL) {
		return NULL;
	}
	if (wire->len > 200 && rng_chance(&net->rng, net->split_pm)) {
		first = rng_range(&net->rng, 120, wire->len - 1);
	}
	memcpy(rte_pktmbuf_append(packet, (uint16_t)first), wire->data, first);
	if (first < wire->len) {
		struct rte_mbuf *rest = rte_pktmbuf_alloc(pool);

		if (rest == NULL) {
			rte_pktmbuf_free(packet);
			return NULL;
		}
		memcpy(rte_pktmbuf_append(rest, (uint16_t)(wire->len - first)), wire->data + first,
		       wire->len - first);
		(void)rte_pktmbuf_chain(packet, rest);
	}
	return packet;
}

uint16_t network_receive(struct network *net, uint32_t to, uint64_t now_us,
			 struct rte_mempool *pool, struct rte_mbuf **packets, uint16_t max)
{
	struct network_packet **link = &net->queue;
	uint16_t count = 0;

	while (count < max && *link != NULL && (*link)->at_us <= now_us) {
		struct network_packet *wire = *link;

		if (wire->to != to) {
			link = &wire->next;
			continue;
		}
		*link = wire->next;
		packets[count] = copy_from_wire(net, wire, pool);
		count = (uint16_t)(count + (packets[count] != NULL));
		free(wire);
	}
	return count;
}

uint64_t network_next_us(const struct network *net)
{
	return net->queue == NULL ? UINT64_MAX : net->queue->at_us;
}
