#include "peer.h"

#include <arpa/inet.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "checksum.h"

#define ROOM (RTE_PKTMBUF_HEADROOM + 2048)

static struct rte_mempool *rx_pool;
static struct rte_mempool *payload_pool;
static struct rte_mempool *header_pool;
static struct rte_mempool *indirect_pool;

int peer_start_eal(void)
{
	static char words[][16] = {"test", "--no-huge", "--no-shconf", "--no-pci",    "-m",
				   "256",  "-l",        "0",           "--log-level", "3"};
	char *args[11] = {NULL};

	for (int i = 0; i < 10; i++) {
		args[i] = words[i];
	}
	if (rte_eal_init(10, args) < 0) {
		return -1;
	}
	rx_pool = rte_pktmbuf_pool_create("rx", 4095, 0, 0, ROOM, SOCKET_ID_ANY);
	payload_pool = rte_pktmbuf_pool_create("payload", 4095, 0, 0, ROOM, SOCKET_ID_ANY);
	header_pool = rte_pktmbuf_pool_create("header", 1023, 0, 0, ROOM, SOCKET_ID_ANY);
	indirect_pool = rte_pktmbuf_pool_create("indirect", 1023, 0, 0, 0, SOCKET_ID_ANY);
	return rx_pool && payload_pool && header_pool && indirect_pool ? 0 : -1;
}

struct rte_mempool *peer_payload_pool(void)
{
	return payload_pool;
}

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	struct peer *peer = app;

	peer->accepted++;
	peer->conn = conn;
	tcp_set_user(conn, peer);
	return !peer->refuse;
}

static void on_connected(void *user, struct tcp_conn *conn)
{
	struct peer *peer = user;

	peer->connected++;
	peer->conn = conn;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct peer *peer = user;

	peer->deliveries++;
	peer->received_mbufs += chain->nb_segs;
	for (struct rte_mbuf *seg = chain; seg != NULL; seg = seg->next) {
		if (peer->received + seg->data_len <= PEER_RECEIVED) {
			memcpy(peer->data + peer->received, rte_pktmbuf_mtod(seg, const void *),
			       seg->data_len);
		}
		peer->received += seg->data_len;
	}
	if (peer->hold) {
		tcp_hold(conn, chain->nb_segs * PEER_TRUESIZE);
	}
	rte_pktmbuf_free(chain);
}

static void on_peer_closed(void *user, struct tcp_conn *conn)
{
	struct peer *peer = user;

	(void)conn;
	peer->peer_closed++;
}

static void on_writable(void *user, struct tcp_conn *conn)
{
	struct peer *peer = user;

	(void)conn;
	peer->writable++;
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct peer *peer = user;

	(void)conn;
	peer->closed++;
	peer->reason = reason;
	peer->conn = NULL;
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.peer_closed = on_peer_closed,
	.writable = on_writable,
	.closed = on_closed,
};

void peer_init(struct peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	peer->now_us = 1000000000;
	peer->port = PEER_PORT;
	peer->config = (struct tcp_config){
		.name = "test",
		.numa_node = -1,
		.connections = 64,
		.syn_received = 16,
		.time_wait = 4,
		.side_records = 8,
		.segment_truesize = PEER_TRUESIZE,
		.receive_budget = 64 * PEER_TRUESIZE,
		.send_budget = 65536,
		.ooo_segments = 32,
		.mtu = 1500,
		.time_wait_ms = 60000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 60000,
		.header_pool = header_pool,
		.indirect_pool = indirect_pool,
		.ops = &ops,
		.app = peer,
	};
	memset(peer->config.secret, 0x5a, sizeof(peer->config.secret));
}

static struct in6_addr address(const char *text)
{
	struct in6_addr addr;

	(void)inet_pton(AF_INET6, text, &addr);
	return addr;
}

void peer_create(struct peer *peer)
{
	struct in6_addr ours = address("::ffff:192.0.2.1");

	peer->stack = tcp_stack_create(&peer->config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer->stack);
	CU_ASSERT_EQUAL(tcp_add_address(peer->stack, &ours), 0);
	CU_ASSERT_EQUAL(tcp_listen(peer->stack, PEER_LISTEN), 0);
}

void peer_destroy(struct peer *peer)
{
	(void)peer_drain(peer);
	tcp_stack_destroy(peer->stack);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(rx_pool), 0);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(payload_pool), 0);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(header_pool), 0);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(indirect_pool), 0);
}

struct tcp_options peer_syn_options(const struct peer *peer)
{
	struct tcp_options opt = {.flags = TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_WSCALE,
				  .mss = PEER_MSS,
				  .wscale = 7};

	if (peer->ts != 0) {
		opt.flags |= TCP_OPT_TIMESTAMPS;
		opt.tsval = peer->ts;
	}
	return opt;
}

void peer_handshake(struct peer *peer, const struct tcp_options *syn)
{
	struct seen seen;

	peer_send_raw(peer, TCP_SYN, PEER_ISS, 0, 65535, syn, 0);
	CU_ASSERT_FATAL(peer_take(peer, &seen));
	CU_ASSERT_EQUAL_FATAL(seen.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 1);
	peer->our_iss = seen.seq;
	peer_send(peer, TCP_ACK, 1, 1, 0);
}

void peer_establish(struct peer *peer, const struct tcp_options *syn)
{
	if (peer->config.name == NULL) {
		peer_init(peer);
	}
	peer_create(peer);
	peer_handshake(peer, syn);
	CU_ASSERT_EQUAL(peer->accepted, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer->conn);
}

struct rte_mbuf *peer_build(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack,
			    uint16_t wnd, const struct tcp_options *opt, uint32_t len)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(rx_pool);
	uint32_t headers = 40 + tcp_options_len(opt);
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *);
	struct rte_tcp_hdr *tcp = (void *)(ip + 1);
	uint8_t *payload = (uint8_t *)ip + headers;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rte_pktmbuf_append(packet, (uint16_t)(headers + len)));
	memset(ip, 0, 40);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(headers + len));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_TCP;
	ip->src_addr = rte_cpu_to_be_32(RTE_IPV4(192U, 0, 2, 2));
	ip->dst_addr = rte_cpu_to_be_32(RTE_IPV4(192U, 0, 2, 1));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->src_port = rte_cpu_to_be_16(peer->port);
	tcp->dst_port = rte_cpu_to_be_16(PEER_LISTEN);
	tcp->sent_seq = rte_cpu_to_be_32(seq);
	tcp->recv_ack = rte_cpu_to_be_32(ack);
	tcp->data_off = (uint8_t)((20 + tcp_options_len(opt)) / 4 << 4);
	tcp->tcp_flags = flags;
	tcp->rx_win = rte_cpu_to_be_16(wnd);
	tcp_options_write(opt, (uint8_t *)(tcp + 1));
	for (uint32_t i = 0; i < len; i++) {
		payload[i] = (uint8_t)(seq - PEER_ISS + i);
	}
	tcp->cksum = checksum_field(packet, 20, false);
	return packet;
}

void peer_input(struct peer *peer, struct rte_mbuf **packets, uint16_t count)
{
	tcp_input(peer->stack, packets, count, peer->now_us);
}

void peer_send_raw(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
		   const struct tcp_options *opt, uint32_t len)
{
	struct rte_mbuf *packet = peer_build(peer, flags, seq, ack, wnd, opt, len);

	peer_input(peer, &packet, 1);
}

void peer_send(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct tcp_options opt = {0};

	if (peer->ts != 0) {
		opt.flags = TCP_OPT_TIMESTAMPS;
		opt.tsval = peer->ts;
	}
	peer_send_raw(peer, flags, PEER_ISS + seq, peer->our_iss + ack, 512, &opt, len);
}

static void read_packet(struct rte_mbuf *packet, struct seen *seen)
{
	uint8_t bytes[4096];
	const uint8_t *data = rte_pktmbuf_read(packet, 0, packet->pkt_len, bytes);
	const struct rte_tcp_hdr *tcp = (const void *)(data + 20);
	uint32_t header = (uint32_t)(tcp->data_off >> 4) * 4;

	CU_ASSERT_EQUAL(rte_raw_cksum(data, 20), 0xffff);
	CU_ASSERT_EQUAL(checksum_sum(packet, 20, false), 0xffff);
	CU_ASSERT_EQUAL(packet->l3_len, 20);
	CU_ASSERT_EQUAL(packet->l4_len, header);
	CU_ASSERT(rte_pktmbuf_headroom(packet) >= 128);
	CU_ASSERT_EQUAL(tcp_options_parse(data + 40, header - 20, &seen->opt), 0);
	seen->seq = rte_be_to_cpu_32(tcp->sent_seq);
	seen->ack = rte_be_to_cpu_32(tcp->recv_ack);
	seen->wnd = rte_be_to_cpu_16(tcp->rx_win);
	seen->flags = tcp->tcp_flags;
	seen->len = packet->pkt_len - 20 - header;
	memcpy(seen->payload, data + 20 + header,
	       seen->len < sizeof(seen->payload) ? seen->len : sizeof(seen->payload));
}

bool peer_take(struct peer *peer, struct seen *seen)
{
	struct rte_mbuf *packet;

	if (tcp_output(peer->stack, &packet, 1, peer->now_us) == 0) {
		return false;
	}
	read_packet(packet, seen);
	rte_pktmbuf_free(packet);
	return true;
}

unsigned int peer_drain(struct peer *peer)
{
	struct seen seen;
	unsigned int count = 0;

	while (peer_take(peer, &seen)) {
		count++;
	}
	return count;
}

bool peer_expect(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct seen seen;

	if (!peer_take(peer, &seen)) {
		return false;
	}
	return (seen.flags & (uint8_t)~TCP_PSH) == flags && seen.seq - peer->our_iss == seq &&
	       seen.ack - PEER_ISS == ack && seen.len == len;
}

void peer_advance(struct peer *peer, uint64_t us)
{
	uint64_t until = peer->now_us + us;

	while (tcp_next_timer_us(peer->stack) <= until) {
		uint64_t at = tcp_next_timer_us(peer->stack);

		peer->now_us = at > peer->now_us ? at : peer->now_us;
		(void)tcp_timers(peer->stack, peer->now_us, 100);
	}
	peer->now_us = until;
	(void)tcp_timers(peer->stack, peer->now_us, 100);
}

int peer_write(struct peer *peer, uint32_t len)
{
	struct rte_mbuf *head = NULL;
	int rc;

	for (uint32_t done = 0; done < len;) {
		uint32_t piece = len - done < 1000 ? len - done : 1000;
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payload_pool);
		char *data = rte_pktmbuf_append(mbuf, (uint16_t)piece);

		for (uint32_t i = 0; i < piece; i++) {
			data[i] = (char)(done + i);
		}
		done += piece;
		if (head == NULL) {
			head = mbuf;
		} else {
			(void)rte_pktmbuf_chain(head, mbuf);
		}
	}
	rc = tcp_send(peer->conn, head);
	if (rc < 0) {
		rte_pktmbuf_free(head);
	}
	return rc;
}

uint64_t peer_count(const struct peer *peer, enum tcp_counter counter)
{
	return tcp_counters(peer->stack)[counter];
}

bool peer_data_right(const struct peer *peer, uint32_t first_seq)
{
	for (uint32_t i = 0; i < peer->received; i++) {
		if (peer->data[i] != (uint8_t)(first_seq + i)) {
			return false;
		}
	}
	return true;
}
