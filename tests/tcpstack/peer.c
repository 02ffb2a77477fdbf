#include "peer.h"

#include <string.h>

#include <CUnit/CUnit.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "checksum.h"

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
		tcp_hold(conn, chain->nb_segs * WIRE_TRUESIZE);
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
	peer->config = wire_config(&ops, peer);
}

void peer_create(struct peer *peer)
{
	peer->stack = wire_create_stack(&peer->config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer->stack);
}

void peer_destroy(struct peer *peer)
{
	(void)peer_drain(peer);
	tcp_stack_destroy(peer->stack);
	CU_ASSERT_EQUAL(wire_in_use(), 0);
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
	struct seen seen = {0};

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
	uint8_t payload[2048];
	uint8_t options[40];
	const struct wire_segment segment = {
		.seq = seq,
		.ack = ack,
		.port = peer->port,
		.wnd = wnd,
		.flags = flags,
		.options = options,
		.options_len = tcp_options_len(opt),
	};

	CU_ASSERT_FATAL(len <= sizeof(payload));
	tcp_options_write(opt, options);
	for (uint32_t i = 0; i < len; i++) {
		payload[i] = (uint8_t)(seq - PEER_ISS + i);
	}
	struct rte_mbuf *packet = wire_build(&segment, payload, len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
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
	struct wire_segment segment;
	const uint8_t *payload = wire_read(packet, &segment, &seen->len, bytes);
	const uint8_t *header = segment.options - 40;

	CU_ASSERT_EQUAL(rte_raw_cksum(header, 20), 0xffff);
	CU_ASSERT_EQUAL(checksum_sum(packet, 20, false), 0xffff);
	CU_ASSERT_EQUAL(packet->l3_len, 20);
	CU_ASSERT_EQUAL(packet->l4_len, 20 + segment.options_len);
	CU_ASSERT(rte_pktmbuf_headroom(packet) >= 128);
	CU_ASSERT_EQUAL(tcp_options_parse(segment.options, segment.options_len, &seen->opt), 0);
	seen->seq = segment.seq;
	seen->ack = segment.ack;
	seen->wnd = segment.wnd;
	seen->flags = segment.flags;
	seen->ecn = header[1] & 3;
	memcpy(seen->payload, payload,
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
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wire_payload_pool());
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
