#include "nic.h"

#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "network.h"

#define PACKET_MAX   65575 /* IPv6 with the longest payload */
#define HEADERS_ROOM 128   /* the first buffer holds at least these */
#define BUFFER_ROOM  2048

void nic_init(struct nic *nic, uint64_t seed, struct rte_mempool *pool)
{
	*nic = (struct nic){.rng = {seed}, .pool = pool};
	if (rng_chance(&nic->rng, 400)) {
		nic->offload_tx = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
		nic->offload_tx |= rng_chance(&nic->rng, 600) ? RTE_MBUF_F_TX_TCP_SEG : 0;
	}
	nic->verifies = rng_chance(&nic->rng, 400);
	nic->split_pm = rng_chance(&nic->rng, 200) ? rng_range(&nic->rng, 0, 500) : 0;
	lro_init(&nic->lro, &nic->rng);
	nic->verifies |= nic->lro.len_max > 0;
}

static void complete_v4(uint8_t *bytes, uint32_t len, uint64_t flags)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	if (flags & RTE_MBUF_F_TX_TCP_SEG) {
		ip->total_length = rte_cpu_to_be_16((uint16_t)len);
	}
	if (flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	if (flags & (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)) {
		tcp->cksum = 0;
		tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	}
}

static void complete_v6(uint8_t *bytes, uint32_t len, uint64_t flags)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)bytes;
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	if (flags & RTE_MBUF_F_TX_TCP_SEG) {
		ip->payload_len = rte_cpu_to_be_16((uint16_t)(len - sizeof(*ip)));
	}
	if (flags & (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)) {
		tcp->cksum = 0;
		tcp->cksum = rte_ipv6_udptcp_cksum(ip, tcp);
	}
}

static void send_one(struct nic *nic, struct network *net, uint32_t to, uint8_t *bytes,
		     uint32_t len, uint64_t flags, uint64_t now_us)
{
	if (bytes[0] >> 4 == 4) {
		complete_v4(bytes, len, flags);
	} else {
		complete_v6(bytes, len, flags);
	}
	nic->sent++;
	network_send(net, to, bytes, len, now_us);
}

/* One segment of a large one: FIN and PSH are the last one's, CWR the first one's. */
static void send_piece(struct nic *nic, struct network *net, uint32_t to, const struct rte_mbuf *m,
		       const uint8_t *bytes, uint32_t done, uint32_t size, uint64_t now_us)
{
	uint8_t piece[PACKET_MAX];
	uint32_t headers = m->l3_len + m->l4_len;
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(void *)(piece + m->l3_len);

	memcpy(piece, bytes, headers);
	memcpy(piece + headers, bytes + headers + done, size);
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + done);
	if (headers + done + size < m->pkt_len) {
		tcp->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	}
	if (done > 0) {
		tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	}
	send_one(nic, net, to, piece, headers + size, m->ol_flags, now_us);
}

static const char *send_pieces(struct nic *nic, struct network *net, uint32_t to,
			       const struct rte_mbuf *m, const uint8_t *bytes, uint64_t now_us)
{
	uint32_t headers = m->l3_len + m->l4_len;

	if (m->tso_segsz == 0 || headers >= m->pkt_len) {
		return "a packet to be segmented without payload or size";
	}
	for (uint32_t done = 0; done < m->pkt_len - headers; done += m->tso_segsz) {
		uint32_t left = m->pkt_len - headers - done;

		send_piece(nic, net, to, m, bytes, done, left < m->tso_segsz ? left : m->tso_segsz,
			   now_us);
	}
	return NULL;
}

static const char *copy_out(const struct nic *nic, const struct rte_mbuf *packet, uint8_t *bytes)
{
	uint64_t wanted = packet->ol_flags &
			  (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG);
	uint32_t at = 0;

	if (wanted & ~nic->offload_tx) {
		return "a packet wants an offload that the port does not have";
	}
	for (const struct rte_mbuf *seg = packet; seg != NULL; seg = seg->next) {
		if (at + seg->data_len > PACKET_MAX) {
			return "a packet longer than IP allows";
		}
		memcpy(bytes + at, rte_pktmbuf_mtod(seg, const void *), seg->data_len);
		at += seg->data_len;
	}
	return at == packet->pkt_len ? NULL : "a packet whose length is wrong";
}

const char *nic_send(struct nic *nic, struct network *net, uint32_t to, struct rte_mbuf *packet,
		     uint64_t now_us)
{
	uint8_t bytes[PACKET_MAX];
	const char *wrong = copy_out(nic, packet, bytes);

	if (wrong != NULL) {
		return wrong;
	}
	if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		return send_pieces(nic, net, to, packet, bytes, now_us);
	}
	send_one(nic, net, to, bytes, packet->pkt_len, packet->ol_flags, now_us);
	return NULL;
}

static void set_flags(const struct nic *nic, const struct network_packet *from, struct rte_mbuf *m)
{
	uint32_t ip_len = from->data[0] >> 4 == 6 ? 40 : 20;

	if (!nic->verifies) {
		return;
	}
	if (from->merged > 0) {
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
		m->tso_segsz = (uint16_t)(nic->lro.says_size ? from->merged : 0);
	}
	if (!from->corrupt) {
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	} else if (from->corrupt_at < ip_len) {
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
	} else {
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
	}
}

/* The first buffer may be short; further ones are filled. */
static uint32_t piece_len(struct nic *nic, uint32_t done, uint32_t left, uint32_t apart)
{
	uint32_t room = left < BUFFER_ROOM ? left : BUFFER_ROOM;

	if (apart > 0 && room > apart) {
		return apart;
	}
	if (done == 0 && room > HEADERS_ROOM && rng_chance(&nic->rng, nic->split_pm)) {
		return rng_range(&nic->rng, HEADERS_ROOM, room);
	}
	return room;
}

static struct rte_mbuf *copy_in(struct nic *nic, const struct network_packet *from)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t done = 0; done < from->len;) {
		uint32_t len =
			piece_len(nic, done, from->len - done, lro_apart(&nic->lro, from, done));
		struct rte_mbuf *m = rte_pktmbuf_alloc(nic->pool);

		if (m == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), from->data + done, len);
		done += len;
		if (head == NULL) {
			head = m;
		} else {
			(void)rte_pktmbuf_chain(head, m);
		}
	}
	return head;
}

struct rte_mbuf *nic_receive(struct nic *nic, struct network_packet *packet)
{
	struct rte_mbuf *m = copy_in(nic, packet);

	if (m == NULL) {
		nic->no_mbuf++;
	} else {
		nic->received++;
		nic->corrupt += packet->corrupt;
		set_flags(nic, packet, m);
	}
	free(packet);
	return m;
}
