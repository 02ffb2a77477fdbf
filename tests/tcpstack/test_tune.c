/*
 * Receive-window auto-tuning against a sender in slow start, in virtual time: all of the round trip
 * lies on the way of the ACKs.
 */
#include "conn.h"
#include "peer.h"
#include "seq.h"
#include "stack.h"
#include "suites.h"

#define MSS     1448U
#define INITIAL (UINT64_C(46) * WIRE_TRUESIZE)
#define BUDGET  (16U << 20)
#define TOTAL   (77ULL << 20)
#define ACKS    512U /* power of two: of the milliseconds in flight */

struct ack {
	uint64_t at_us;
	uint32_t ack;
	uint32_t edge;
	uint32_t ts;
};

struct sender {
	struct ack acks[ACKS];
	uint32_t head;
	uint32_t tail;
	uint32_t una;
	uint32_t nxt;
	uint32_t edge;
	uint32_t cwnd;
	uint32_t cwnd_max;
	uint32_t ts_echo;
	uint32_t wscale;
	uint64_t rtt_us;
	uint64_t rate;    /* bytes a millisecond */
	uint64_t limited; /* milliseconds in which the window held it back */
};

static struct peer peer;
static struct sender sender;

static void establish(bool timestamps)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.receive_budget = BUDGET;
	peer.config.receive_initial = INITIAL;
	peer.config.receive_total = TOTAL;
	peer.ts = timestamps ? 1000 : 0;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	sender = (struct sender){.una = 1,
				 .nxt = 1,
				 .edge = 1 + 65535,
				 .cwnd = 10 * MSS,
				 .cwnd_max = UINT32_MAX,
				 .wscale = peer.stack->wscale,
				 .ts_echo = peer.conn->round_mark - 1};
}

static void send_segment(uint32_t seq, uint32_t len)
{
	struct tcp_options opt = {0};

	if (peer.ts != 0) {
		opt.flags = TCP_OPT_TIMESTAMPS;
		opt.tsval = peer.ts;
		opt.tsecr = sender.ts_echo;
	}
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + seq, peer.our_iss + 1, 512, &opt, len);
}

static void take_acks(void)
{
	struct seen seen;

	while (peer_take(&peer, &seen)) {
		struct ack *ack = &sender.acks[sender.head++ % ACKS];

		CU_ASSERT_FATAL(sender.head - sender.tail <= ACKS);
		*ack = (struct ack){.at_us = peer.now_us + sender.rtt_us,
				    .ack = seen.ack - PEER_ISS,
				    .ts = seen.opt.tsval};
		ack->edge = ack->ack + ((uint32_t)seen.wnd << sender.wscale);
	}
}

static void hear_acks(void)
{
	while (sender.tail != sender.head && sender.acks[sender.tail % ACKS].at_us <= peer.now_us) {
		const struct ack *ack = &sender.acks[sender.tail++ % ACKS];

		sender.cwnd += ack->ack - sender.una;
		sender.cwnd = sender.cwnd < sender.cwnd_max ? sender.cwnd : sender.cwnd_max;
		sender.una = ack->ack;
		CU_ASSERT(seq_ge(ack->edge, sender.edge)); /* never moves left */
		sender.edge = ack->edge;
		sender.ts_echo = ack->ts;
	}
}

static void send_some(void)
{
	uint64_t budget = sender.rate;

	while (budget >= MSS && sender.nxt + MSS - sender.una <= sender.cwnd) {
		if (seq_gt(sender.nxt + MSS, sender.edge)) {
			sender.limited++;
			return;
		}
		send_segment(sender.nxt, MSS);
		sender.nxt += MSS;
		budget -= MSS;
	}
}

/* The ACKs of a millisecond count as one: the last. */
static void run(uint64_t ms, uint64_t rtt_ms, uint64_t rate)
{
	sender.rtt_us = rtt_ms * 1000;
	sender.rate = rate;
	for (uint64_t i = 0; i < ms; i++) {
		hear_acks();
		send_some();
		take_acks();
		peer.ts += peer.ts != 0;
		peer_advance(&peer, 1000);
		take_acks();
	}
}

/* 200 Mb/s at 150 ms: the window never holds slow start back, and ends above the BDP. */
static void test_slow_start(void)
{
	establish(true);
	run(2500, 150, 25000);
	CU_ASSERT_EQUAL(sender.limited, 0);
	CU_ASSERT(sender.edge - sender.una > 150 * 25000);
	CU_ASSERT(peer.conn->rcv_grant <= BUDGET);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_window_grown) > 0);
	CU_ASSERT_EQUAL(peer.stack->window_granted, peer.conn->rcv_grant - INITIAL);
	peer_destroy(&peer);
}

/* The same for a peer without timestamps, as Windows is: our own segments tell the round trip. */
static void test_without_timestamps(void)
{
	establish(false);
	peer.conn->srtt_us = 150000;
	run(2500, 150, 25000);
	CU_ASSERT_EQUAL(sender.limited, 0);
	CU_ASSERT(sender.edge - sender.una > 150 * 25000);
	peer_destroy(&peer);
}

/* A publisher of 2.5 Mb/s at 100 ms: little more than what it begins with is promised. */
static void test_slow_sender(void)
{
	establish(true);
	sender.cwnd_max = 21 * MSS;
	run(3000, 100, 25000);
	CU_ASSERT(peer.received > 3000000 / 100 * 20 - 100000);
	CU_ASSERT(peer.conn->rcv_grant < 3 * INITIAL); /* a round may catch two bursts */
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_window_grown) <= 2);
	peer_destroy(&peer);
}

/* One connection gets no more than its budget, and of the total a quarter of what is left. */
static void test_bounds(void)
{
	establish(true);
	peer.stack->config.receive_budget = 20 * INITIAL;
	run(1500, 150, 25000);
	CU_ASSERT_EQUAL(peer.conn->rcv_grant, 20 * INITIAL);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_window_refused_connection) > 0);
	CU_ASSERT(sender.limited > 0);
	peer_destroy(&peer);

	establish(true);
	peer.stack->config.receive_total = 40 * INITIAL;
	peer.stack->window_granted = 20 * INITIAL; /* of others */
	run(1500, 150, 25000);
	CU_ASSERT(peer.stack->window_granted < 26 * INITIAL);
	CU_ASSERT(peer.conn->rcv_grant > 3 * INITIAL);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_window_refused_total) > 0);
	/* Others got more meanwhile: it gives back, and the edge stands for as long (hear_acks()).
	 */
	peer.stack->window_granted += 14 * INITIAL;
	run(1500, 150, 25000);
	CU_ASSERT(peer.conn->rcv_grant < 3 * INITIAL);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_window_shrunk) > 0);
	tcp_abort(peer.conn);
	CU_ASSERT_EQUAL(peer.stack->window_granted, 34 * INITIAL);
	peer_destroy(&peer);
}

static void test_pressure(void)
{
	uint32_t before;

	establish(true);
	run(800, 150, 25000);
	before = peer.conn->rcv_grant;
	CU_ASSERT(before > 4 * INITIAL);
	tcp_set_pressure(peer.stack, TCP_PRESSURE_SHORT);
	run(1000, 150, 25000);
	CU_ASSERT(peer.conn->rcv_grant < before);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_window_refused_pool) > 0);
	run(9000, 150, 25000);
	CU_ASSERT(peer.conn->rcv_grant < 2 * INITIAL);
	CU_ASSERT(sender.edge - sender.una < 2 * 65536);
	tcp_set_pressure(peer.stack, TCP_PRESSURE_FULL);
	run(1000, 150, 25000);
	CU_ASSERT(sender.edge - sender.una < 6 * MSS);
	tcp_set_pressure(peer.stack, TCP_PRESSURE_NONE);
	run(3000, 150, 25000);
	CU_ASSERT(sender.edge - sender.una > 150 * 25000);
	peer_destroy(&peer);
}

/* What the owner holds beyond the slack narrows the window, however large the grant. */
static void test_hold(void)
{
	establish(true);
	peer.stack->config.receive_slack = 100 * WIRE_TRUESIZE;
	peer.hold = true;
	for (int i = 0; i < 100; i++) {
		peer_advance(&peer, 1000);
		send_segment(sender.nxt, MSS);
		sender.nxt += MSS;
		take_acks();
		hear_acks();
	}
	CU_ASSERT(sender.edge - sender.nxt >= 40 * MSS);
	CU_ASSERT_EQUAL(peer.conn->rcv_grant, INITIAL);
	for (int i = 0; i < 46; i++) {
		peer_advance(&peer, 1000);
		send_segment(sender.nxt, MSS);
		sender.nxt += MSS;
		take_acks();
		hear_acks();
	}
	CU_ASSERT(sender.edge - sender.nxt < 2 * MSS);
	tcp_release(peer.conn, 146 * WIRE_TRUESIZE);
	take_acks();
	hear_acks();
	CU_ASSERT(sender.edge - sender.nxt > 40 * MSS);
	peer_destroy(&peer);
}

/* Idle connections lose their grants when much is granted. */
static void test_sweep(void)
{
	establish(true);
	run(1500, 150, 25000);
	CU_ASSERT(peer.conn->rcv_grant > 8 * INITIAL);
	peer_advance(&peer, 3000000);
	CU_ASSERT(peer.conn->rcv_grant > 8 * INITIAL);
	peer.stack->config.receive_total = peer.stack->window_granted + INITIAL;
	peer_advance(&peer, 3000000);
	for (int i = 0; i < 10; i++) {
		peer_advance(&peer, 1000);
	}
	CU_ASSERT_EQUAL(peer.conn->rcv_grant, INITIAL);
	CU_ASSERT_EQUAL(peer.stack->window_granted, 0);
	peer_destroy(&peer);
}

CU_TestInfo tune_tests[] = {{"slow start", test_slow_start},
			    {"without timestamps", test_without_timestamps},
			    {"slow sender", test_slow_sender},
			    {"bounds", test_bounds},
			    {"pressure", test_pressure},
			    {"hold", test_hold},
			    {"sweep", test_sweep},
			    CU_TEST_INFO_NULL};
