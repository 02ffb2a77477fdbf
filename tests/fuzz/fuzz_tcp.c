/*
 * TCP: one stack that listens, and a peer that sends what the input says. The input is a list of
 * steps: whole IP packets, segments near the sequence numbers of the connection (with checksums
 * that are right, or nothing would get past them), time, and what the owner does. Sequence numbers
 * are relative to what the stack sent last, so that the fuzzer can find the window.
 */
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <string.h>

#include "eal.h"
#include "tcpstack/tcp.h"
#include "wire.h"

#define TRUESIZE WIRE_TRUESIZE
#define BURST    16u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct tcp_stack *stack;
	struct tcp_conn *conn;
	uint64_t now_us;
	uint32_t held;
	uint32_t seq; /* that the stack wants next */
	uint32_t ack; /* after what the stack sent last */
};

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	struct fuzz *f = app;

	if (f->conn) {
		return false;
	}
	f->conn = conn;
	tcp_set_user(conn, f);
	return true;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct fuzz *f = user;

	if (chain->nb_segs == 0 || conn != f->conn) {
		abort();
	}
	rte_pktmbuf_free(chain);
}

static void on_event(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct fuzz *f = user;

	(void)reason;
	if (conn != f->conn) {
		abort();
	}
	f->conn = NULL;
	f->held = 0;
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_event,
	.received = on_received,
	.peer_closed = on_event,
	.writable = on_event,
	.closed = on_closed,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	wire_start();
	return 0;
}

/* Small tables, so that they are full now and then. */
static void open_stack(struct fuzz *f)
{
	struct tcp_config config = wire_config(&ops, f);

	config.connections = 8;
	config.syn_received = 4;
	config.time_wait = 2;
	config.side_records = 2;
	config.receive_budget = 32 * TRUESIZE;
	config.ooo_segments = 8;
	config.keepalive_s = 60;
	config.time_wait_ms = 1000;
	config.fin_wait_ms = 1000;
	config.user_timeout_ms = 10000;
	*f = (struct fuzz){.now_us = 1000000};
	f->stack = wire_create_stack(&config);
	if (!f->stack) {
		abort();
	}
}

/* Takes what the stack sends and remembers its numbers. */
static void take_output(struct fuzz *f)
{
	struct rte_mbuf *packets[32];
	uint16_t count;

	while ((count = tcp_output(f->stack, packets, 32, f->now_us)) > 0) {
		for (uint16_t i = 0; i < count; i++) {
			uint8_t copy[4096];
			struct wire_segment seen;
			uint32_t len;

			(void)wire_read(packets[i], &seen, &len, copy);
			f->seq = seen.ack;
			f->ack = seen.seq + len +
				 !!(seen.flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG));
			rte_pktmbuf_free(packets[i]);
		}
	}
}

static void give(struct fuzz *f, struct rte_mbuf **packets, uint16_t count)
{
	tcp_input(f->stack, packets, count, f->now_us);
	take_output(f);
}

static void send_raw(struct fuzz *f, struct fuzz_input *in)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire_rx_pool());
	uint32_t len = fuzz_word(in) % 1600;

	if (!m) {
		return; /* all of them wait for the gap to close */
	}
	len = fuzz_bytes(in, rte_pktmbuf_mtod(m, uint8_t *), len);
	(void)rte_pktmbuf_append(m, (uint16_t)len);
	give(f, &m, 1);
}

/*
 * Flags, offsets from what the stack expects, window, options, length; more of the same follow at
 * once, each where the one before ended or near it: a burst that may be merged, or not quite.
 */
static void send_segments(struct fuzz *f, struct fuzz_input *in, uint16_t count)
{
	static const uint8_t payload[1400];
	struct rte_mbuf *packets[BURST];
	uint16_t built = 0;
	uint8_t options[40] = {0};
	uint8_t flags = (uint8_t)fuzz_byte(in);
	struct wire_segment segment = {
		.port = (uint16_t)(5000 + (flags >> 7)),
		.flags = flags & 0x7f,
		.options = options,
	};

	segment.seq = f->seq + (uint32_t)(int16_t)fuzz_word(in);
	segment.ack = f->ack + (uint32_t)(int8_t)fuzz_byte(in);
	segment.wnd = (uint16_t)fuzz_word(in);
	segment.options_len = fuzz_byte(in) % 11 * 4;
	uint32_t len = fuzz_word(in) % sizeof(payload);
	(void)fuzz_bytes(in, options, segment.options_len);
	for (uint16_t i = 0; i < count; i++) {
		packets[built] = wire_build(&segment, payload, len);
		built += packets[built] != NULL; /* else all of them wait for the gap to close */
		uint32_t change = count > 1 ? fuzz_byte(in) : 0;
		segment.seq += len + (change > 0 && change < 33 ? change - 17 : 0);
		segment.wnd = (uint16_t)(segment.wnd + (change == 33));
		segment.flags ^= change >= 34 && change < 40 ? 1u << (change - 34) : 0;
	}
	give(f, packets, built);
}

static void write_some(struct fuzz *f, uint32_t len)
{
	struct rte_mbuf *m = f->conn ? rte_pktmbuf_alloc(wire_payload_pool()) : NULL;

	if (!m) {
		return;
	}
	memset(rte_pktmbuf_append(m, (uint16_t)(1 + len)), 0, 1 + len);
	if (tcp_send(f->conn, m) < 0) {
		rte_pktmbuf_free(m);
	}
}

static void act(struct fuzz *f, struct fuzz_input *in)
{
	uint32_t what = fuzz_byte(in);

	if (!f->conn) {
		return;
	}
	if (what < 4) {
		tcp_close(f->conn);
	} else if (what < 6) {
		tcp_abort(f->conn);
	} else if (what < 64 && f->held < 64 * TRUESIZE) {
		f->held += TRUESIZE;
		tcp_hold(f->conn, TRUESIZE);
	} else if (what < 128 && f->held > 0) {
		tcp_release(f->conn, f->held);
		f->held = 0;
	} else if (what >= 128) {
		write_some(f, what * 8);
	}
	take_output(f);
}

static void step(struct fuzz *f, struct fuzz_input *in)
{
	switch (fuzz_byte(in) % 8) {
	case 0:
		send_raw(f, in);
		break;
	case 1:
		f->now_us += fuzz_word(in) * UINT64_C(1000);
		(void)tcp_timers(f->stack, f->now_us, 16);
		take_output(f);
		break;
	case 2:
		act(f, in);
		break;
	case 3:
		send_segments(f, in, (uint16_t)(2 + fuzz_byte(in) % (BURST - 1)));
		break;
	default:
		send_segments(f, in, 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct fuzz f;

	open_stack(&f);
	while (in.left > 0) {
		step(&f, &in);
	}
	tcp_abort_all(f.stack);
	take_output(&f);
	if (f.conn) {
		abort();
	}
	tcp_stack_destroy(f.stack);
	if (wire_in_use() != 0) {
		abort();
	}
	return 0;
}
