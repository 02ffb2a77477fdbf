#include "tcp_rig.h"

#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <stdlib.h>
#include <string.h>

#include "seq.h"
#include "stack.h"
#include "window.h"

#define REQUIRE(condition)          \
	do {                        \
		if (!(condition)) { \
			abort();    \
		}                   \
	} while (0)

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	struct rig *rig = app;
	uint32_t index = conn->key.remote_port - RIG_PORT;

	if (index >= RIG_PASSIVE || rig->peer[index].conn != NULL) {
		return false;
	}
	rig->peer[index].conn = conn;
	rig->peer[index].next = conn->rcv_nxt;
	rig->peer[index].checked = false;
	tcp_set_user(conn, &rig->peer[index]);
	return true;
}

static void on_connected(void *user, struct tcp_conn *conn)
{
	struct rig_peer *peer = user;

	REQUIRE(conn == peer->conn);
	peer->next = conn->rcv_nxt;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct rig_peer *peer = user;
	uint32_t len = 0;

	REQUIRE(conn == peer->conn && chain != NULL);
	for (const struct rte_mbuf *seg = chain; seg != NULL; seg = seg->next) {
		const uint8_t *data = rte_pktmbuf_mtod(seg, const uint8_t *);

		REQUIRE(seg->data_len > 0);
		for (uint32_t i = 0; i < seg->data_len; i++) {
			REQUIRE(peer->rig->tainted || data[i] == rig_byte(peer->next + len + i));
		}
		len += seg->data_len;
	}
	REQUIRE(len == chain->pkt_len);
	peer->next += len;
	rte_pktmbuf_free(chain);
}

static void on_event(void *user, struct tcp_conn *conn)
{
	const struct rig_peer *peer = user;

	REQUIRE(conn == peer->conn);
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct rig_peer *peer = user;

	REQUIRE(conn == peer->conn && reason < TCP_CLOSE_REASON_COUNT);
	peer->conn = NULL;
	peer->held = 0;
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.peer_closed = on_event,
	.writable = on_event,
	.closed = on_closed,
};

/* Small tables, so that they are full now and then. */
void rig_open(struct rig *rig, uint32_t how)
{
	struct tcp_config config = wire_config(&ops, rig);

	config.connections = 8;
	config.syn_received = 1 + (how & 7);
	config.time_wait = 2;
	config.side_records = how >> 3 & 3;
	config.receive_budget = (4 + (how >> 5 & 31)) * RIG_TRUESIZE;
	config.ooo_segments = 8;
	config.send_budget = 20000;
	config.keepalive_s = 60;
	config.time_wait_ms = 1000;
	config.fin_wait_ms = 1000;
	config.user_timeout_ms = 10000;
	*rig = (struct rig){.now_us = 1000000};
	for (uint32_t i = 0; i < RIG_PEERS; i++) {
		rig->peer[i].rig = rig;
	}
	rig->stack = wire_create_stack(&config);
	REQUIRE(rig->stack != NULL);
	rig->whole = whole_of(rig->stack);
}

void rig_connect(struct rig *rig, uint32_t index)
{
	struct rig_peer *peer = &rig->peer[index];
	struct tcp_endpoint local = {.port = WIRE_LISTEN};
	struct tcp_endpoint remote = {.port = (uint16_t)(RIG_PORT + index)};
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2};

	memcpy(&local.addr, v4, sizeof(v4));
	memcpy(&remote.addr, v4, sizeof(v4));
	local.addr.s6_addr[15] = 1;
	remote.addr.s6_addr[15] = 2;
	if (index < RIG_PASSIVE || peer->conn != NULL) {
		return;
	}
	peer->conn = tcp_connect(rig->stack, &local, &remote, peer, rig->now_us);
	peer->checked = false;
	peer->seq = 1000; /* nobody said what its first one is */
	rig_settle(rig);
}

static void remember(struct rig *rig, const struct rte_mbuf *packet)
{
	uint8_t copy[4096];
	struct wire_segment seen;
	uint32_t len;

	(void)wire_read(packet, &seen, &len, copy);
	if ((uint32_t)seen.port - RIG_PORT >= RIG_PEERS) {
		return;
	}
	struct rig_peer *peer = &rig->peer[seen.port - RIG_PORT];
	if (seen.flags & RTE_TCP_ACK_FLAG) {
		peer->seq = seen.ack;
	}
	peer->ack = seen.seq + len + !!(seen.flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG));
	len = packet->data_len < RIG_QUOTE ? packet->data_len : RIG_QUOTE;
	memcpy(peer->quote, rte_pktmbuf_mtod(packet, const void *), len);
}

/* RFC 9293 3.3.1 and 3.8.6: what no segment whatsoever may change. */
static void check_conn(const struct rig *rig, struct rig_peer *peer)
{
	const struct tcp_conn *conn = peer->conn;
	uint32_t budget = rig->stack->config.receive_budget;
	struct tcp_info info;

	if (conn == NULL || conn->state < TCP_ESTABLISHED_STATE) {
		return;
	}
	tcp_conn_info(conn, &info);
	REQUIRE(seq_le(conn->snd_una, conn->snd_nxt) && seq_le(conn->snd_nxt, conn->snd_max));
	REQUIRE(seq_ge(conn->rcv_adv, conn->rcv_nxt));
	REQUIRE(!peer->checked ||
		(seq_ge(conn->rcv_nxt, peer->rcv_nxt) && seq_ge(conn->rcv_adv, peer->rcv_adv)));
	/* The owner may hold more than it was given: that is not the stack's. */
	REQUIRE(window_pinned(conn) - conn->held <= budget);
	REQUIRE(conn->timer.link != NULL ||
		(conn->retransmit_at_us == 0 && conn->ack_at_us == 0 && conn->life_at_us == 0));
	peer->checked = true;
	peer->rcv_nxt = conn->rcv_nxt;
	peer->rcv_adv = conn->rcv_adv;
}

void rig_settle(struct rig *rig)
{
	struct rte_mbuf *packets[32];
	uint16_t count;

	while ((count = tcp_output(rig->stack, packets, 32, rig->now_us)) > 0) {
		for (uint16_t i = 0; i < count; i++) {
			remember(rig, packets[i]);
			rte_pktmbuf_free(packets[i]);
		}
	}
	for (uint32_t i = 0; i < RIG_PEERS; i++) {
		check_conn(rig, &rig->peer[i]);
	}
}

void rig_input(struct rig *rig, struct rte_mbuf **packets, uint16_t count)
{
	tcp_input(rig->stack, packets, count, rig->now_us);
	rig_settle(rig);
}

void rig_advance(struct rig *rig, uint64_t us)
{
	rig->now_us += us;
	for (uint32_t i = 0; i < 16 && tcp_next_timer_us(rig->stack) <= rig->now_us; i++) {
		(void)tcp_timers(rig->stack, rig->now_us, 16);
		rig_settle(rig);
	}
}

void rig_close(struct rig *rig)
{
	const struct tcp_stack *stack = rig->stack;

	tcp_abort_all(rig->stack);
	rig_settle(rig);
	for (uint32_t i = 0; i < RIG_PEERS; i++) {
		REQUIRE(rig->peer[i].conn == NULL);
	}
	for (uint32_t i = 0; tcp_next_timer_us(stack) != UINT64_MAX; i++) {
		REQUIRE(i < 1000);
		rig_advance(rig, 60000000);
	}
	REQUIRE(whole_differs(stack, &rig->whole) == NULL);
	tcp_stack_destroy(rig->stack);
	REQUIRE(wire_in_use() == 0);
}
