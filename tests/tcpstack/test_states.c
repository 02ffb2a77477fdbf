/*
 * Every state meets every combination of control bits, at every kind of place in the sequence space
 * and with every kind of acknowledgement; what comes of it is compared with RFC 9293 3.10.7,
 * written down once more as rules (the oracle), with RFC 5961 in the place of what it changed.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "peer.h"
#include "stack.h"
#include "suites.h"

#define FAR 2000000U /* beyond every window */

enum place { PLACE_EXACT, PLACE_OLD, PLACE_AHEAD, PLACE_OUTSIDE, PLACE_COUNT };
enum acked { ACKED_UNA, ACKED_ALL, ACKED_BEYOND, ACKED_ANCIENT, ACKED_COUNT };
enum answer { ANSWER_NONE, ANSWER_ACK, ANSWER_SYN_ACK, ANSWER_RST };

struct outcome {
	enum tcp_state state; /* CLOSED: nothing is left */
	enum answer answer;
};

/* Where a segment is made for: what both ends expect, relative to their first numbers. */
struct scene {
	enum tcp_state state;
	bool active; /* SYN-RECEIVED by a simultaneous open */
	uint32_t seq;
	uint32_t una;
	uint32_t max;
};

static struct peer peer;

static struct in6_addr addr(const char *text)
{
	struct in6_addr out;

	(void)inet_pton(AF_INET6, text, &out);
	return out;
}

static void drain_syn(void)
{
	struct seen seen;

	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	peer.our_iss = seen.seq;
	(void)peer_drain(&peer);
}

static void connect_out(void)
{
	struct tcp_endpoint local = {addr("::ffff:192.0.2.1"), WIRE_LISTEN};
	struct tcp_endpoint remote = {addr("::ffff:192.0.2.2"), PEER_PORT};

	peer.conn = tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer.conn);
	drain_syn();
}

static void send_syn(void)
{
	struct tcp_options syn = peer_syn_options(&peer);

	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
}

static struct scene begin_opening(enum tcp_state state, bool active)
{
	struct scene scene = {.state = state, .active = active, .max = 1};

	if (active) {
		connect_out();
	}
	if (state == TCP_SYN_RECEIVED_STATE) {
		send_syn();
		drain_syn();
		scene.seq = 1;
	}
	return scene;
}

static void hear_fin(uint32_t ack)
{
	peer_send(&peer, TCP_FIN | TCP_ACK, 1, ack, 0);
	(void)peer_drain(&peer);
}

static void close_ours(void)
{
	tcp_close(peer.conn);
	(void)peer_drain(&peer);
}

/* From ESTABLISHED on. */
static struct scene begin_open(enum tcp_state state)
{
	struct tcp_options syn = peer_syn_options(&peer);
	struct scene scene = {.state = state, .seq = 1, .una = 1, .max = 1};

	peer_handshake(&peer, &syn);
	(void)peer_drain(&peer);
	if (state == TCP_CLOSE_WAIT_STATE || state == TCP_LAST_ACK_STATE) {
		hear_fin(1);
		scene.seq = 2;
	}
	if (state != TCP_ESTABLISHED_STATE && state != TCP_CLOSE_WAIT_STATE) {
		close_ours();
		scene.max = 2;
	}
	if (state == TCP_FIN_WAIT_2_STATE || state == TCP_TIME_WAIT_STATE) {
		peer_send(&peer, TCP_ACK, 1, 2, 0);
		scene.una = 2;
	}
	if (state == TCP_CLOSING_STATE || state == TCP_TIME_WAIT_STATE) {
		hear_fin(scene.una);
		scene.seq = 2;
	}
	return scene;
}

static struct scene begin(enum tcp_state state, bool active)
{
	peer_init(&peer);
	peer_create(&peer);
	return state <= TCP_SYN_RECEIVED_STATE ? begin_opening(state, active) : begin_open(state);
}

static enum tcp_state state_now(void)
{
	struct tcp_info info;

	if (peer.stack->syn.count > 0) {
		return TCP_SYN_RECEIVED_STATE;
	}
	if (peer.stack->time_wait.count > 0) {
		return TCP_TIME_WAIT_STATE;
	}
	if (peer.conn == NULL) {
		return TCP_CLOSED_STATE;
	}
	tcp_conn_info(peer.conn, &info);
	return info.state;
}

static struct outcome outcome_now(void)
{
	struct outcome outcome = {.state = state_now(), .answer = ANSWER_NONE};
	struct seen seen;

	if (!peer_take(&peer, &seen)) {
		return outcome;
	}
	if (seen.flags & TCP_RST) {
		outcome.answer = ANSWER_RST;
	} else {
		outcome.answer = seen.flags & TCP_SYN ? ANSWER_SYN_ACK : ANSWER_ACK;
	}
	return outcome;
}

static uint32_t seq_at(const struct scene *scene, enum place place)
{
	static const uint32_t offsets[] = {0, (uint32_t)-10, 100, FAR};

	return PEER_ISS + scene->seq + offsets[place];
}

static uint32_t ack_at(const struct scene *scene, enum acked acked)
{
	const uint32_t offsets[] = {scene->una, scene->max, scene->max + 1000, scene->una - FAR};

	return peer.our_iss + offsets[acked];
}

/* 3.10.7.2, and 3.10.7.1 but for SYN. A FIN on a SYN is not taken: it comes again. */
static struct outcome oracle_listen(uint8_t flags)
{
	if (flags & TCP_RST) {
		return (struct outcome){TCP_CLOSED_STATE, ANSWER_NONE};
	}
	if (flags & TCP_ACK) {
		return (struct outcome){TCP_CLOSED_STATE, ANSWER_RST};
	}
	if (flags & TCP_SYN) {
		return (struct outcome){TCP_SYN_RECEIVED_STATE, ANSWER_SYN_ACK};
	}
	return (struct outcome){TCP_CLOSED_STATE, ANSWER_NONE};
}

/* 3.10.7.3 */
static struct outcome oracle_syn_sent(uint8_t flags, enum acked acked)
{
	const struct outcome same = {TCP_SYN_SENT_STATE, ANSWER_NONE};

	if (flags & TCP_ACK && acked != ACKED_ALL) {
		return (struct outcome){TCP_SYN_SENT_STATE,
					flags & TCP_RST ? ANSWER_NONE : ANSWER_RST};
	}
	if (flags & TCP_RST) {
		return flags & TCP_ACK ? (struct outcome){TCP_CLOSED_STATE, ANSWER_NONE} : same;
	}
	if (!(flags & TCP_SYN)) {
		return same;
	}
	return flags & TCP_ACK ? (struct outcome){TCP_ESTABLISHED_STATE, ANSWER_ACK}
			       : (struct outcome){TCP_SYN_RECEIVED_STATE, ANSWER_SYN_ACK};
}

static bool acceptable(uint8_t flags, enum place place)
{
	(void)flags; /* ten numbers ago is old, with FIN or without */
	return place == PLACE_EXACT || place == PLACE_AHEAD;
}

/* "eighth": what a FIN in its place leads to, after the acknowledgement was heeded. */
static enum tcp_state after_fin(enum tcp_state state)
{
	switch (state) {
	case TCP_ESTABLISHED_STATE:
		return TCP_CLOSE_WAIT_STATE;
	case TCP_FIN_WAIT_1_STATE:
		return TCP_CLOSING_STATE;
	case TCP_FIN_WAIT_2_STATE:
		return TCP_TIME_WAIT_STATE;
	default:
		return state;
	}
}

/* "fifth": what the acknowledgement of our FIN leads to. */
static enum tcp_state after_ack(enum tcp_state state)
{
	switch (state) {
	case TCP_SYN_RECEIVED_STATE:
		return TCP_ESTABLISHED_STATE;
	case TCP_FIN_WAIT_1_STATE:
		return TCP_FIN_WAIT_2_STATE;
	case TCP_CLOSING_STATE:
		return TCP_TIME_WAIT_STATE;
	case TCP_LAST_ACK_STATE:
		return TCP_CLOSED_STATE;
	default:
		return state;
	}
}

static bool may_receive(enum tcp_state state)
{
	return state == TCP_ESTABLISHED_STATE || state == TCP_FIN_WAIT_1_STATE ||
	       state == TCP_FIN_WAIT_2_STATE;
}

/* From the fifth check on: the segment is in its window, and neither RST nor SYN. */
static struct outcome oracle_ack(enum tcp_state state, uint8_t flags, enum place place,
				 enum acked acked)
{
	struct outcome outcome = {state, ANSWER_NONE};

	if (state == TCP_SYN_RECEIVED_STATE && acked != ACKED_ALL) {
		return (struct outcome){state, ANSWER_RST};
	}
	if (acked == ACKED_BEYOND || acked == ACKED_ANCIENT) {
		return (struct outcome){state, ANSWER_ACK}; /* RFC 5961 5.2 */
	}
	outcome.state = acked == ACKED_ALL ? after_ack(state) : state;
	if (flags & TCP_FIN && may_receive(outcome.state)) {
		outcome.answer = ANSWER_ACK;
		if (place == PLACE_EXACT) {
			outcome.state = after_fin(outcome.state);
		}
	}
	return outcome;
}

/* 3.10.7.4 */
static struct outcome oracle_rest(const struct scene *scene, uint8_t flags, enum place place,
				  enum acked acked)
{
	enum tcp_state state = scene->state;
	const struct outcome same = {state, ANSWER_NONE};
	const struct outcome challenged = {state, ANSWER_ACK};

	if (flags & TCP_RST) {
		if (place == PLACE_EXACT) {
			return (struct outcome){TCP_CLOSED_STATE, ANSWER_NONE};
		}
		return acceptable(flags, place) ? challenged : same; /* RFC 5961 3.2 */
	}
	if (flags & TCP_SYN) {
		return challenged; /* RFC 5961 4.2 */
	}
	if (!acceptable(flags, place)) {
		return challenged;
	}
	return flags & TCP_ACK ? oracle_ack(state, flags, place, acked) : same;
}

/* In TIME-WAIT only a new SYN (RFC 6191) or a RST (but RFC 1337) ends the wait. */
static struct outcome oracle_time_wait(uint8_t flags, enum place place)
{
	const uint8_t control = flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);

	if (flags & TCP_RST) {
		return (struct outcome){TCP_TIME_WAIT_STATE, ANSWER_NONE};
	}
	if (control == TCP_SYN && (place == PLACE_AHEAD || place == PLACE_OUTSIDE)) {
		return (struct outcome){TCP_SYN_RECEIVED_STATE, ANSWER_SYN_ACK};
	}
	if (control & (TCP_SYN | TCP_FIN) || place != PLACE_EXACT) {
		return (struct outcome){TCP_TIME_WAIT_STATE, ANSWER_ACK};
	}
	return (struct outcome){TCP_TIME_WAIT_STATE, ANSWER_NONE};
}

static struct outcome oracle(const struct scene *scene, uint8_t flags, enum place place,
			     enum acked acked)
{
	switch (scene->state) {
	case TCP_LISTEN_STATE:
		return oracle_listen(flags);
	case TCP_SYN_SENT_STATE:
		return oracle_syn_sent(flags, acked);
	case TCP_TIME_WAIT_STATE:
		return oracle_time_wait(flags, place);
	default:
		return oracle_rest(scene, flags, place, acked);
	}
}

static void try_one(enum tcp_state state, bool active, uint8_t flags, enum place place,
		    enum acked acked)
{
	static const char *const answers[] = {"nothing", "ACK", "SYN-ACK", "RST"};
	const struct tcp_options none = {0};
	struct scene scene = begin(state, active);
	struct outcome expected = oracle(&scene, flags, place, acked);
	struct outcome got;

	peer_send_raw(&peer, flags, seq_at(&scene, place), ack_at(&scene, acked), 512, &none, 0);
	got = outcome_now();
	if (got.state != expected.state || got.answer != expected.answer) {
		(void)fprintf(stderr,
			      "%s%s, flags %#x, place %d, acked %d: %s and %s, not %s and %s\n",
			      tcp_state_name(state), active ? " (active)" : "", flags, place, acked,
			      tcp_state_name(got.state), answers[got.answer],
			      tcp_state_name(expected.state), answers[expected.answer]);
	}
	CU_ASSERT_EQUAL(got.state, expected.state);
	CU_ASSERT_EQUAL(got.answer, expected.answer);
	tcp_abort_all(peer.stack);
	peer_destroy(&peer);
}

/* All 64 combinations: PSH and URG must change nothing. */
static void try_state(enum tcp_state state, bool active)
{
	for (unsigned int flags = 0; flags < 64; flags++) {
		for (unsigned int place = 0; place < PLACE_COUNT; place++) {
			for (unsigned int acked = 0; acked < ACKED_COUNT; acked++) {
				try_one(state, active, (uint8_t)flags, (enum place)place,
					(enum acked)acked);
			}
		}
	}
}

static void test_listen(void)
{
	try_state(TCP_LISTEN_STATE, false);
}

static void test_opening(void)
{
	try_state(TCP_SYN_SENT_STATE, true);
	try_state(TCP_SYN_RECEIVED_STATE, false);
	try_state(TCP_SYN_RECEIVED_STATE, true);
}

static void test_open(void)
{
	try_state(TCP_ESTABLISHED_STATE, false);
	try_state(TCP_CLOSE_WAIT_STATE, false);
}

static void test_closing(void)
{
	for (enum tcp_state state = TCP_FIN_WAIT_1_STATE; state < TCP_TIME_WAIT_STATE; state++) {
		try_state(state, false);
	}
}

static void test_time_wait(void)
{
	try_state(TCP_TIME_WAIT_STATE, false);
}

CU_TestInfo states_tests[] = {
	{"every segment: LISTEN", test_listen},       {"every segment: opening", test_opening},
	{"every segment: open", test_open},           {"every segment: closing", test_closing},
	{"every segment: TIME-WAIT", test_time_wait}, CU_TEST_INFO_NULL};
