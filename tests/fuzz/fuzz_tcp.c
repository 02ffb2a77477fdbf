/*
 * TCP: one stack that listens, and a peer that sends what the input says. The input is a list of
 * steps: whole IP packets, segments near the sequence numbers of the connection (with checksums
 * that are right, or nothing would get past them), time, and what the owner does. Sequence numbers
 * are relative to what the stack sent last, so that the fuzzer can find the window.
 */
#include <arpa/inet.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <string.h>

#include "eal.h"
#include "tcpstack/tcp.h"

#define ROOM     (RTE_PKTMBUF_HEADROOM + 2048)
#define TRUESIZE 2368u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rte_mempool *rx_pool;
static struct rte_mempool *header_pool;
static struct rte_mempool *indirect_pool;

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
	fuzz_start_eal();
	rx_pool = fuzz_pool("rx", ROOM);
	header_pool = fuzz_pool("header", ROOM);
	indirect_pool = fuzz_pool("indirect", 0);
	return 0;
}

static void open_stack(struct fuzz *f)
{
	struct tcp_config config = {
		.name = "fuzz",
		.numa_node = -1,
		.connections = 8,
		.syn_received = 4,
		.time_wait = 2,
		.side_records = 2,
		.segment_truesize = TRUESIZE,
		.receive_budget = 32 * TRUESIZE,
		.send_budget = 65536,
		.ooo_segments = 8,
		.mtu = 1500,
		.keepalive_s = 60,
		.time_wait_ms = 1000,
		.fin_wait_ms = 1000,
		.user_timeout_ms = 10000,
		.header_pool = header_pool,
		.indirect_pool = indirect_pool,
		.ops = &ops,
		.app = f,
	};
	struct in6_addr ours;

	(void)inet_pton(AF_INET6, "::ffff:192.0.2.1", &ours);
	*f = (struct fuzz){.now_us = 1000000};
	f->stack = tcp_stack_create(&config);
	if (!f->stack || tcp_add_address(f->stack, &ours) < 0 || tcp_listen(f->stack, 1935) < 0) {
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
			const struct rte_ipv4_hdr *ip =
				rte_pktmbuf_mtod(packets[i], const struct rte_ipv4_hdr *);
			const struct rte_tcp_hdr *tcp = (const void *)(ip + 1);

			f->seq = ntohl(tcp->recv_ack);
			f->ack = ntohl(tcp->sent_seq) + packets[i]->pkt_len - 20 -
				 (tcp->data_off >> 4) * 4u +
				 !!(tcp->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG));
			rte_pktmbuf_free(packets[i]);
		}
	}
}

static void give(struct fuzz *f, struct rte_mbuf *packet)
{
	tcp_input(f->stack, &packet, 1, f->now_us);
	take_output(f);
}

static void send_raw(struct fuzz *f, struct fuzz_input *in)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rx_pool);
	uint32_t len = fuzz_word(in) % 1600;

	if (!m) {
		return; /* all of them wait for the gap to close */
	}
	len = fuzz_bytes(in, rte_pktmbuf_mtod(m, uint8_t *), len);
	(void)rte_pktmbuf_append(m, (uint16_t)len);
	give(f, m);
}

static void fill_ip(struct rte_ipv4_hdr *ip, uint16_t len)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = htons(len),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = htonl(0xc0000202),
		.dst_addr = htonl(0xc0000201),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* Flags, offsets from what the stack expects, window, options, length. */
static void send_segment(struct fuzz *f, struct fuzz_input *in)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rx_pool);

	if (!m) {
		return;
	}
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	struct rte_tcp_hdr *tcp = (void *)(ip + 1);
	uint8_t flags = (uint8_t)fuzz_byte(in);
	uint32_t seq = f->seq + (uint32_t)(int16_t)fuzz_word(in);
	uint32_t ack = f->ack + (uint32_t)(int8_t)fuzz_byte(in);
	uint16_t window = (uint16_t)fuzz_word(in);
	uint32_t options = fuzz_byte(in) % 11 * 4;
	uint32_t payload = fuzz_word(in) % 1400;
	uint32_t headers = 40 + options;

	(void)rte_pktmbuf_append(m, (uint16_t)(headers + payload));
	memset(ip, 0, headers + payload);
	(void)fuzz_bytes(in, (uint8_t *)(tcp + 1), options);
	*tcp = (struct rte_tcp_hdr){
		.src_port = htons((uint16_t)(5000 + (flags >> 7))),
		.dst_port = htons(1935),
		.sent_seq = htonl(seq),
		.recv_ack = htonl(ack),
		.data_off = (uint8_t)((5 + options / 4) << 4),
		.tcp_flags = flags & 0x7f,
		.rx_win = htons(window),
	};
	fill_ip(ip, (uint16_t)(headers + payload));
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	give(f, m);
}

static void write_some(struct fuzz *f, uint32_t len)
{
	struct rte_mbuf *m = f->conn ? rte_pktmbuf_alloc(rx_pool) : NULL;

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
	default:
		send_segment(f, in);
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
	if (rte_mempool_in_use_count(rx_pool) != 0 || rte_mempool_in_use_count(header_pool) != 0 ||
	    rte_mempool_in_use_count(indirect_pool) != 0) {
		abort();
	}
	return 0;
}
