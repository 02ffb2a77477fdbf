#include "cookie.h"

#include <string.h>

#include "conn.h"
#include "peer.h"
#include "stack.h"
#include "suites.h"

#define RECORDS   16U
#define SHORT     (RECORDS - RECORDS / 8)
#define FLOODER   10000 /* its first port */
#define PERIOD_US 64000000ULL

static struct peer peer;

static void flood(unsigned int count)
{
	struct tcp_options syn = peer_syn_options(&peer);

	for (unsigned int i = 0; i < count; i++) {
		peer.port = (uint16_t)(FLOODER + i);
		peer_send_raw(&peer, TCP_SYN, PEER_ISS + i, 0, 65535, &syn, 0);
		(void)peer_drain(&peer);
	}
	peer.port = PEER_PORT;
}

/* A stack whose half-open records are used up. */
static void begin(uint32_t ts)
{
	peer_init(&peer);
	peer.ts = ts;
	peer.config.syn_received = RECORDS;
	peer_create(&peer);
	flood(SHORT);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent), 0);
}

/* Sends the SYN; what the SYN-ACK says. */
static struct seen knock(void)
{
	struct tcp_options syn = peer_syn_options(&peer);
	struct seen seen = {0};
	uint64_t sent = peer_count(&peer, TCP_COUNTER_syn_cookies_sent);

	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent), sent + 1);
	peer.our_iss = seen.seq;
	return seen;
}

/* The ACK of it, as a peer sends it: with the timestamp echoed. */
static void enter(const struct seen *syn_ack, uint8_t flags, uint32_t len)
{
	struct tcp_options opt = {0};

	if (syn_ack->opt.flags & TCP_OPT_TIMESTAMPS) {
		opt.flags = TCP_OPT_TIMESTAMPS;
		opt.tsval = peer.ts + 3;
		opt.tsecr = syn_ack->opt.tsval;
	}
	peer_send_raw(&peer, flags, PEER_ISS + 1, peer.our_iss + 1, 512, &opt, len);
}

static void test_options_in_the_timestamp(void)
{
	struct tcp_info info;
	struct seen seen;

	begin(77);
	seen = knock();
	CU_ASSERT_EQUAL(seen.opt.flags,
			TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS);
	CU_ASSERT_EQUAL(seen.opt.tsecr, 77);
	enter(&seen, TCP_ACK, 0);
	CU_ASSERT_EQUAL_FATAL(peer.accepted, 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_accepted), 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.state, TCP_ESTABLISHED_STATE);
	CU_ASSERT_EQUAL(info.mss, 1448);
	CU_ASSERT_EQUAL(info.snd_wnd, 512U << 7);
	CU_ASSERT(peer.conn->flags & TCP_CONN_SACK);
	CU_ASSERT_EQUAL(peer.conn->ts_recent, 80);
	/* It goes on like any other: our timestamps do not go back behind the SYN-ACK's. */
	enter(&seen, TCP_ACK | TCP_PSH, 100);
	CU_ASSERT_EQUAL(peer.received, 100);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 101);
	peer_destroy(&peer);
}

/* A peer that offers a few of them gets those. */
static void test_some_options(void)
{
	struct tcp_options syn = {.flags = TCP_OPT_MSS | TCP_OPT_TIMESTAMPS, .mss = 1400};
	struct seen seen;

	begin(77);
	syn.tsval = 77;
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.opt.flags, TCP_OPT_MSS | TCP_OPT_TIMESTAMPS);
	peer.our_iss = seen.seq;
	enter(&seen, TCP_ACK, 0);
	CU_ASSERT_EQUAL_FATAL(peer.accepted, 1);
	CU_ASSERT_EQUAL(peer.conn->flags & (TCP_CONN_SACK | TCP_CONN_WSCALE), 0);
	CU_ASSERT_EQUAL(peer.conn->mss, 1400 - TCP_TIMESTAMP_LEN);
	peer_destroy(&peer);
}

static void test_without_timestamps(void)
{
	struct tcp_info info;
	struct seen seen;

	begin(0);
	seen = knock();
	CU_ASSERT_EQUAL(seen.opt.flags, TCP_OPT_MSS);
	enter(&seen, TCP_ACK, 0);
	CU_ASSERT_EQUAL_FATAL(peer.accepted, 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.mss, 1460);
	CU_ASSERT_EQUAL(info.snd_wnd, 512);
	peer_destroy(&peer);
}

/* The bare ACK was lost: data brings the cookie. */
static void test_data_and_fin_with_the_cookie(void)
{
	struct seen seen;

	begin(77);
	seen = knock();
	enter(&seen, TCP_ACK | TCP_FIN, 200);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	CU_ASSERT_EQUAL(peer.received, 200);
	CU_ASSERT(peer_data_right(&peer, 1));
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	peer_destroy(&peer);
}

static void test_rejected(void)
{
	struct seen seen;

	begin(77);
	seen = knock();
	/* Another port, which was sent no cookie: RST, flood or not. */
	peer.port++;
	enter(&seen, TCP_ACK, 0);
	peer.port--;
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_resets), 1);
	/* Another acknowledgement, another first number: silence, no connection. */
	peer_send(&peer, TCP_ACK, 1, 2, 0);
	peer_send(&peer, TCP_ACK, 2, 1, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	/* The ACK and the first data were lost, an ACK of something else comes first. */
	peer_send(&peer, TCP_ACK, 101, 1, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	/* Data that overtook the ACK: then the ACK is as good as before. */
	peer_send(&peer, TCP_ACK, 101, 1, 100);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_rejected), 4);
	CU_ASSERT_EQUAL(peer.accepted, 0);
	enter(&seen, TCP_ACK, 0);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	peer_destroy(&peer);
}

/* Good for the rest of its period and all of the next; then neither it nor anything is looked at.
 */
static void test_age(void)
{
	struct seen seen;

	for (unsigned int late = 0; late <= 2; late++) {
		begin(77);
		peer_advance(&peer, PERIOD_US - peer.now_us % PERIOD_US);
		(void)peer_drain(&peer);
		flood(SHORT);
		seen = knock();
		peer_advance(&peer, late * PERIOD_US);
		(void)peer_drain(&peer);
		enter(&seen, TCP_ACK, 0);
		CU_ASSERT_EQUAL(peer.accepted, late < 2 ? 1 : 0);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_rejected), 0);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_resets), late < 2 ? 0 : 1);
		peer_destroy(&peer);
	}
}

/* A cookie of the last period while others are sent in this one, and one from before both. */
static void test_age_under_flood(void)
{
	struct seen seen;

	for (unsigned int late = 1; late <= 2; late++) {
		begin(77);
		seen = knock();
		for (unsigned int i = 0; i < late; i++) {
			peer_advance(&peer, PERIOD_US);
			flood(2 * SHORT);
		}
		enter(&seen, TCP_ACK, 0);
		CU_ASSERT_EQUAL(peer.accepted, late < 2 ? 1 : 0);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_resets), late - 1);
		peer_destroy(&peer);
	}
}

/* Without a flood no ACK opens anything, whatever it says. */
static void test_no_flood_no_cookie(void)
{
	struct seen seen;

	begin(77);
	seen = knock();
	peer_destroy(&peer);
	peer_init(&peer);
	peer.ts = 77;
	peer.our_iss = seen.seq;
	peer_create(&peer);
	enter(&seen, TCP_ACK, 0);
	CU_ASSERT_EQUAL(peer.accepted, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_resets), 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_rejected), 0);
	peer_destroy(&peer);
}

/* What 50,000 SYNs leave behind: nobody was kept out, and half of the records are free in 3 s. */
static void test_flood(void)
{
	struct seen seen;

	begin(77);
	flood(50000);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_syn_limit), 0);
	seen = knock();
	enter(&seen, TCP_ACK, 0);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	peer_advance(&peer, 3000000);
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(peer.stack->syn.count, RECORDS / 2 - 1);
	peer_advance(&peer, 28000000);
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(peer.stack->syn.count, 0);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

/* A worker that cannot keep up answers a few SYNs of each burst. */
static void test_pressed(void)
{
	struct rte_mbuf *packets[32];
	struct tcp_options syn;

	begin(77);
	syn = peer_syn_options(&peer);
	for (unsigned int pressed = 0; pressed <= 1; pressed++) {
		uint64_t before = peer_count(&peer, TCP_COUNTER_syn_cookies_sent);

		for (unsigned int i = 0; i < 32; i++) {
			peer.port = (uint16_t)(100 + i);
			packets[i] = peer_build(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
		}
		tcp_press(peer.stack, pressed);
		peer_input(&peer, packets, 32);
		CU_ASSERT_EQUAL(peer_drain(&peer), pressed ? 4 : 32);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent) - before,
				pressed ? 4 : 32);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_limited), 28);
	peer_destroy(&peer);
}

/* ... and not the same one over and over. */
static void test_pressed_by_one(void)
{
	struct rte_mbuf *packets[32];
	struct tcp_options syn;

	peer_init(&peer);
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	for (unsigned int pressed = 0; pressed <= 1; pressed++) {
		for (unsigned int i = 0; i < 32; i++) {
			packets[i] = peer_build(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
		}
		tcp_press(peer.stack, pressed);
		peer_input(&peer, packets, 32);
		CU_ASSERT_EQUAL(peer_drain(&peer), pressed ? 4 : 32);
	}
	peer_destroy(&peer);
}

/* Who comes out of TIME_WAIT has a record, with numbers beyond the old ones. */
static void test_reserve(void)
{
	struct tcp_options syn;
	struct seen seen;
	uint32_t old_iss;

	begin(77);
	seen = knock();
	enter(&seen, TCP_ACK, 0);
	old_iss = peer.our_iss;
	tcp_close(peer.conn);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_FIN, 1, 1, 0));
	peer.ts += 10;
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 2, 0);
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL_FATAL(peer.closed, 1);
	peer.ts += 10;
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 1000, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT(seq_gt(seen.seq, old_iss + 65535));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent), 1);
	CU_ASSERT_EQUAL(peer.stack->syn.count, SHORT + 1);
	peer_destroy(&peer);
}

/* Every MSS comes back as the largest class that is not larger. */
static void test_mss(void)
{
	static const uint16_t classes[] = {216, 536, 1220, 1360, 1400, 1440, 1460, 8900, 65535};
	struct tcp_syn_record record, back;
	struct tcp_segment seg = {0};
	unsigned int wanted = 0;

	peer_init(&peer);
	peer_create(&peer);
	memset(&record, 0, sizeof(record));
	record.irs = PEER_ISS;
	record.mss = 215;
	CU_ASSERT_FALSE(cookie_make(peer.stack, &record, 0));
	CU_ASSERT_FALSE(cookie_expected(peer.stack, 0));
	for (uint16_t mss = 216; mss < 9200; mss++) {
		wanted += mss == classes[wanted + 1] ? 1 : 0;
		record.mss = mss;
		CU_ASSERT_TRUE_FATAL(cookie_make(peer.stack, &record, 0));
		seg.seq = PEER_ISS + 1;
		seg.ack = record.iss + 1;
		CU_ASSERT_TRUE_FATAL(cookie_check(peer.stack, &seg, &back));
		CU_ASSERT_EQUAL(back.mss, classes[wanted]);
		/* The class is part of what is hashed. */
		seg.ack ^= 1U << 1;
		CU_ASSERT_FALSE(cookie_check(peer.stack, &seg, &back));
	}
	peer_destroy(&peer);
}

/* Whatever the clock says, the timestamp is a little in the past and tells all. */
static void test_timestamp(void)
{
	struct tcp_syn_record record = {.flags = TCP_SYN_TIMESTAMPS | TCP_SYN_WSCALE};
	struct tcp_syn_record plain = {.flags = TCP_SYN_TIMESTAMPS | TCP_SYN_SACK};

	for (uint32_t now = UINT32_MAX - 200; now != 200; now++) {
		for (uint8_t wscale = 0; wscale <= TCP_WSCALE_MAX; wscale++) {
			record.wscale = wscale;
			uint32_t ts = cookie_timestamp(&record, now);

			CU_ASSERT(now - ts < 64);
			CU_ASSERT_EQUAL(ts & 63, wscale);
		}
		CU_ASSERT(now - cookie_timestamp(&plain, now) < 64);
		CU_ASSERT_EQUAL(cookie_timestamp(&plain, now) & 63, 31);
	}
}

CU_TestInfo cookie_tests[] = {{"options in the timestamp", test_options_in_the_timestamp},
			      {"some options", test_some_options},
			      {"without timestamps", test_without_timestamps},
			      {"data and FIN with the cookie", test_data_and_fin_with_the_cookie},
			      {"rejected", test_rejected},
			      {"age", test_age},
			      {"age, while others are sent", test_age_under_flood},
			      {"no flood, no cookie", test_no_flood_no_cookie},
			      {"flood", test_flood},
			      {"pressed", test_pressed},
			      {"pressed by one", test_pressed_by_one},
			      {"reserve for who comes out of TIME_WAIT", test_reserve},
			      {"MSS classes", test_mss},
			      {"timestamp", test_timestamp},
			      CU_TEST_INFO_NULL};
