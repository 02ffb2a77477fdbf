/*
 * TCP: one stack, peers that send what the input says, an owner that does what it says. The input
 * is a list of steps: segments near the sequence numbers of a connection (with checksums that are
 * right, or nothing would get past them), alone or in bursts, whole IP packets, ICMP errors, time,
 * connections opened, data sent, held and released. Sequence numbers are relative to what the stack
 * sent last, so that the fuzzer can find the window.
 */
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <string.h>

#include "eal.h"
#include "tcp_rig.h"

#define BURST       16u
#define PAYLOAD_MAX 1400u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	wire_start();
	return 0;
}

/* Half of them as if a port had verified them: so that they get further than the checksum. */
static void send_raw(struct rig *rig, struct fuzz_input *in)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire_rx_pool());
	uint32_t len = fuzz_word(in);

	if (!m) {
		return; /* all of them wait for gaps to close */
	}
	if (len & 0x8000) {
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		rig->tainted = true;
	}
	len = fuzz_bytes(in, rte_pktmbuf_mtod(m, uint8_t *), len % 1600);
	(void)rte_pktmbuf_append(m, (uint16_t)len);
	rig_input(rig, &m, 1);
}

static struct rte_mbuf *build(const struct wire_segment *segment, uint32_t len)
{
	uint32_t first = segment->seq + !!(segment->flags & RTE_TCP_SYN_FLAG);
	uint8_t payload[PAYLOAD_MAX];

	for (uint32_t i = 0; i < len; i++) {
		payload[i] = rig_byte(first + i);
	}
	return wire_build(segment, payload, len);
}

/* What is in between may be merged, or not quite. */
static void vary(struct wire_segment *segment, uint32_t len, uint32_t change)
{
	segment->seq += len + (change > 0 && change < 33 ? change - 17 : 0);
	segment->wnd = (uint16_t)(segment->wnd + (change == 33));
	segment->flags ^= change >= 34 && change < 40 ? 1u << (change - 34) : 0;
}

/*
 * Peer, flags, offsets from what the stack expects, window, options, length; of a burst, more of
 * the same follow at once, each where the one before ended or near it.
 */
static void send_segments(struct rig *rig, struct fuzz_input *in, uint16_t count)
{
	const struct rig_peer *peer = &rig->peer[fuzz_byte(in) % RIG_PEERS];
	struct rte_mbuf *packets[BURST];
	uint16_t built = 0;
	uint8_t options[40] = {0};
	struct wire_segment segment = {
		.port = (uint16_t)(RIG_PORT + (peer - rig->peer)),
		.flags = (uint8_t)fuzz_byte(in),
		.options = options,
	};

	segment.seq = peer->seq + (uint32_t)(int16_t)fuzz_word(in);
	segment.ack = peer->ack + (uint32_t)(int8_t)fuzz_byte(in);
	segment.wnd = (uint16_t)fuzz_word(in);
	segment.options_len = fuzz_byte(in) % 11 * 4;
	uint32_t len = fuzz_word(in) % (PAYLOAD_MAX + 1);
	(void)fuzz_bytes(in, options, segment.options_len);
	for (uint16_t i = 0; i < count; i++) {
		packets[built] = build(&segment, len);
		built += packets[built] != NULL; /* else all of them wait for gaps to close */
		vary(&segment, len, count > 1 ? fuzz_byte(in) : 0);
	}
	rig_input(rig, packets, built);
}

/* An error about what was sent last, or near it, or about anything. */
static void send_icmp(struct rig *rig, struct fuzz_input *in)
{
	struct rig_peer *peer = &rig->peer[fuzz_byte(in) % RIG_PEERS];
	uint32_t how = fuzz_byte(in);
	uint8_t quote[RIG_QUOTE];
	struct tcp_icmp error = {
		.kind = (enum tcp_icmp_kind)(how % 3),
		.mtu = fuzz_word(in),
		.quoted = quote,
		.quoted_len = how >> 2 & 15 ? RIG_QUOTE : how >> 2,
	};

	memcpy(quote, peer->quote, sizeof(quote));
	if (how & 0x80) {
		(void)fuzz_bytes(in, quote, sizeof(quote));
	} else {
		quote[27] = (uint8_t)(quote[27] + fuzz_byte(in));
	}
	(void)tcp_icmp_error(rig->stack, &error, rig->now_us);
	rig_settle(rig);
}

static void write_some(struct rig_peer *peer, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire_payload_pool());

	if (!m) {
		return;
	}
	memset(rte_pktmbuf_append(m, (uint16_t)(1 + len)), 0, 1 + len);
	if (tcp_send(peer->conn, m) < 0) {
		rte_pktmbuf_free(m);
	}
}

static void act(struct rig *rig, struct fuzz_input *in)
{
	uint32_t index = fuzz_byte(in) % RIG_PEERS;
	struct rig_peer *peer = &rig->peer[index];
	uint32_t what = fuzz_byte(in);

	if (!peer->conn) {
		rig_connect(rig, index);
	} else if (what < 8) {
		tcp_close(peer->conn);
	} else if (what < 10) {
		tcp_abort(peer->conn);
	} else if (what < 64 && peer->held < 64 * RIG_TRUESIZE) {
		peer->held += RIG_TRUESIZE;
		tcp_hold(peer->conn, RIG_TRUESIZE);
	} else if (what < 128 && peer->held > 0) {
		tcp_release(peer->conn, peer->held);
		peer->held = 0;
	} else if (what >= 128) {
		write_some(peer, what * 8);
	}
	rig_settle(rig);
}

static void disturb(struct rig *rig, struct fuzz_input *in)
{
	uint32_t what = fuzz_byte(in);

	switch (what % 4) {
	case 0:
		(void)tcp_shed_ooo(rig->stack);
		break;
	case 1:
		tcp_set_pressure(rig->stack, (enum tcp_pressure)(what >> 2 & 3) % 3);
		break;
	case 2:
		tcp_unlisten(rig->stack, WIRE_LISTEN);
		break;
	default:
		(void)!tcp_listen(rig->stack, WIRE_LISTEN);
		break;
	}
	rig_settle(rig);
}

static void step(struct rig *rig, struct fuzz_input *in)
{
	switch (fuzz_byte(in) % 16) {
	case 0:
		send_raw(rig, in);
		break;
	case 1:
	case 2:
		rig_advance(rig, fuzz_word(in) * UINT64_C(1000));
		break;
	case 3:
		rig_advance(rig, fuzz_word(in) * UINT64_C(1000000));
		break;
	case 4:
	case 5:
		act(rig, in);
		break;
	case 6:
		send_icmp(rig, in);
		break;
	case 7:
		disturb(rig, in);
		break;
	case 8:
	case 9:
		send_segments(rig, in, (uint16_t)(2 + fuzz_byte(in) % (BURST - 1)));
		break;
	default:
		send_segments(rig, in, 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct rig rig;

	rig_open(&rig, fuzz_word(&in));
	while (in.left > 0) {
		step(&rig, &in);
	}
	rig_close(&rig);
	return 0;
}
