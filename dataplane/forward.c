#include "dataplane/forward.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/net/ip.h"

int dp_forward_mesh_create(struct dp_forward_mesh *mesh, const int *numa_nodes, uint32_t workers)
{
	char name[RTE_RING_NAMESIZE];

	*mesh = (struct dp_forward_mesh){.workers = workers};
	for (uint32_t from = 0; from < workers; from++) {
		for (uint32_t to = 0; to < workers; to++) {
			if (from == to) {
				continue;
			}
			(void)snprintf(name, sizeof(name), "forward%u-%u", from, to);
			mesh->rings[from][to] =
				rte_ring_create(name, DP_FORWARD_RING, numa_nodes[to],
						RING_F_SP_ENQ | RING_F_SC_DEQ);
			if (mesh->rings[from][to] == NULL) {
				int err = -rte_errno;

				dp_forward_mesh_destroy(mesh);
				return err;
			}
		}
	}
	return 0;
}

static void drain(struct rte_ring *ring)
{
	struct rte_mbuf *frame;

	while (ring != NULL && rte_ring_sc_dequeue(ring, (void **)&frame) == 0) {
		rte_pktmbuf_free(frame);
	}
}

void dp_forward_mesh_destroy(struct dp_forward_mesh *mesh)
{
	for (uint32_t from = 0; from < mesh->workers; from++) {
		for (uint32_t to = 0; to < mesh->workers; to++) {
			drain(mesh->rings[from][to]);
			rte_ring_free(mesh->rings[from][to]);
			mesh->rings[from][to] = NULL;
		}
	}
	mesh->workers = 0;
}

/* Addresses and ports are gathered first: in the frame they stand at odd multiples of 2. */
static uint32_t hash_flow(const void *addresses, uint32_t length, const void *ports)
{
	uint32_t key[9];

	memcpy(key, addresses, length);
	memcpy((uint8_t *)key + length, ports, 4);
	return rte_hash_crc(key, length + 4, 0);
}

static uint32_t owner_ipv4(const struct rte_mbuf *frame, uint32_t at, uint32_t workers,
			   uint32_t self)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(frame, const struct rte_ipv4_hdr *, at);
	uint32_t ports = at + (ip->version_ihl & 0x0fu) * 4u;

	if (ip->next_proto_id != IPPROTO_TCP || frame->data_len < ports + 4) {
		return self;
	}
	return hash_flow(&ip->src_addr, 8, rte_pktmbuf_mtod_offset(frame, const void *, ports)) %
	       workers;
}

static uint32_t owner_ipv6(const struct rte_mbuf *frame, uint32_t at, uint32_t workers,
			   uint32_t self)
{
	const struct rte_ipv6_hdr *ip =
		rte_pktmbuf_mtod_offset(frame, const struct rte_ipv6_hdr *, at);
	uint32_t ports;

	if (net_ipv6_protocol(frame, at, &ports) != IPPROTO_TCP || frame->data_len < ports + 4) {
		return self;
	}
	return hash_flow(ip->src_addr, 32, rte_pktmbuf_mtod_offset(frame, const void *, ports)) %
	       workers;
}

/*
 * Where the IP header begins, which `type` tells: behind a tag that carries a priority only (IEEE
 * 802.1Q 6.9), too. Those of our VLAN were taken off, others are dropped by whoever gets them.
 */
static uint32_t find_ip(const struct rte_mbuf *frame, uint16_t *type)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(ether + 1);

	*type = ether->ether_type;
	if (*type != RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		return RTE_ETHER_HDR_LEN;
	}
	*type = tag->eth_proto;
	return RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
}

uint32_t dp_forward_owner(const struct rte_mbuf *frame, uint32_t workers, uint32_t self)
{
	uint16_t type;
	uint32_t at;

	if (frame->data_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr)) {
		return self;
	}
	at = find_ip(frame, &type);
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
	    frame->data_len >= at + sizeof(struct rte_ipv4_hdr)) {
		return owner_ipv4(frame, at, workers, self);
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6) &&
	    frame->data_len >= at + sizeof(struct rte_ipv6_hdr)) {
		return owner_ipv6(frame, at, workers, self);
	}
	return self;
}

void dp_wake(const struct dp_wake *wake)
{
	uint64_t one = 1;

	/* Pairs with the fence in dp_idle(): one of the two sides sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(wake->sleeping, memory_order_relaxed) != 0) {
		ssize_t written = write(wake->fd, &one, sizeof(one));

		(void)written; /* EAGAIN: it is about to wake anyway */
	}
}

static void flush_one(struct dp_forward *forward, uint32_t to)
{
	uint32_t count = forward->staged_count[to];
	struct rte_mbuf **frames = forward->staged[to];
	uint32_t sent = rte_ring_sp_enqueue_burst(forward->mesh->rings[forward->self][to],
						  (void **)frames, count, NULL);

	dp_count(forward->counters, DP_COUNTER_rx_forwarded, sent);
	if (sent < count) {
		dp_count(forward->counters, DP_COUNTER_forward_full, count - sent);
		rte_pktmbuf_free_bulk(frames + sent, count - sent);
	}
	forward->staged_count[to] = 0;
	dp_wake(forward->mesh->wakes[to]);
}

void dp_forward_send(struct dp_forward *forward, struct rte_mbuf *frame, uint32_t to,
		     enum dp_forward_kind kind)
{
	frame->hash.usr = kind;
	forward->staged[to][forward->staged_count[to]++] = frame;
	if (forward->staged_count[to] == DP_FORWARD_BURST) {
		flush_one(forward, to);
	}
}

void dp_forward_teach(struct dp_forward *forward, struct rte_mbuf *frame)
{
	for (uint32_t to = 0; to < forward->mesh->workers; to++) {
		if (to == forward->self) {
			continue;
		}
		struct rte_mbuf *copy = rte_pktmbuf_copy(frame, forward->pool, 0, UINT32_MAX);
		if (copy != NULL) {
			dp_forward_send(forward, copy, to, DP_FORWARD_TEACH);
		}
	}
	rte_pktmbuf_free(frame);
}

void dp_forward_flush(struct dp_forward *forward)
{
	for (uint32_t to = 0; to < forward->mesh->workers; to++) {
		if (forward->staged_count[to] != 0) {
			flush_one(forward, to);
		}
	}
}

uint32_t dp_forward_receive(struct dp_forward *forward, uint32_t from, struct rte_mbuf **frames)
{
	return rte_ring_sc_dequeue_burst(forward->mesh->rings[from][forward->self], (void **)frames,
					 DP_FORWARD_BURST, NULL);
}

uint32_t dp_forward_waiting(const struct dp_forward *forward)
{
	uint32_t frames = 0;

	for (uint32_t from = 0; from < forward->mesh->workers; from++) {
		if (from != forward->self) {
			frames += rte_ring_count(forward->mesh->rings[from][forward->self]);
		}
	}
	return frames;
}

/* As rte_ring_empty(), with loads that C calls atomic: the producer is another thread. */
static bool is_empty(struct rte_ring *ring)
{
	return __atomic_load_n(&ring->prod.tail, __ATOMIC_RELAXED) ==
	       __atomic_load_n(&ring->cons.tail, __ATOMIC_RELAXED);
}

bool dp_forward_pending(const struct dp_forward *forward)
{
	for (uint32_t from = 0; from < forward->mesh->workers; from++) {
		if (from != forward->self && !is_empty(forward->mesh->rings[from][forward->self])) {
			return true;
		}
	}
	return false;
}
