#include "pmtu.h"

#include "packet.h"
#include "recovery.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"

/* Timeouts in a row after which full-sized packets are taken to vanish: path proven or not. */
#define LOST_UNPROVEN 2
#define LOST_PROVEN   4
#define PMTU_STEP_MIN 64 /* what vanished hardly arrives when it is a little smaller */
/*
 * RFC 1191 6.3, RFC 8201 4: ten minutes after it was lowered a larger one is tried. Counted in
 * units of 64 s, of which a byte holds four hours: what is idle for longer may wait once more.
 */
#define RAISE_UNIT_S  64U
#define RAISE_UNITS   10U

static bool is_v4(const struct tcp_conn *conn)
{
	return tcp_key_is_v4(&conn->key);
}

static uint32_t headers(const struct tcp_conn *conn)
{
	return packet_ip_len(&conn->key) + 20 +
	       (conn->flags & TCP_CONN_TIMESTAMPS ? TCP_TIMESTAMP_LEN : 0);
}

uint32_t pmtu_size(const struct tcp_conn *conn)
{
	return conn->mss + headers(conn);
}

/* RFC 1191 section 7, common values only: what a router means that does not say. */
static uint32_t plateau_below(uint32_t size)
{
	static const uint16_t plateaus[] = {8166, 4352, 2002, 1492, 1280, 1006};

	for (unsigned int i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++) {
		if (plateaus[i] < size) {
			return plateaus[i];
		}
	}
	return PMTU_MIN_V4;
}

static uint8_t units(const struct tcp_conn *conn)
{
	return (uint8_t)(stack_seconds(conn->stack) / RAISE_UNIT_S);
}

/* It is unproven again: when it is too large still, two timeouts tell, or a router at once. */
static void raise_again(struct tcp_conn *conn)
{
	uint32_t before = pmtu_size(conn);

	if ((uint8_t)(units(conn) - conn->lowered_at) <= RAISE_UNITS) {
		return;
	}
	conn->mss = conn->mss_full;
	conn->mss_full = 0;
	conn->path_flags &= (uint16_t) ~(TCP_PATH_FULL_SENT | TCP_PATH_FULL_ACKED | TCP_PATH_CLAIM);
	tcp_count(conn->stack, pmtu_raised);
	tcp_trace(conn, path_mtu, pmtu_size(conn), before);
}

static void lower(struct tcp_conn *conn, uint32_t mtu)
{
	if (conn->mss_full == 0) {
		conn->mss_full = conn->mss;
	}
	conn->lowered_at = units(conn);
	tcp_trace(conn, path_mtu, mtu, pmtu_size(conn));
	conn->mss = (uint16_t)(mtu - headers(conn));
	conn->path_flags &= (uint16_t) ~(TCP_PATH_FULL_SENT | TCP_PATH_FULL_ACKED | TCP_PATH_CLAIM);
	conn->full_lost = 0;
}

void pmtu_too_big(struct tcp_conn *conn, uint32_t seq, uint32_t mtu)
{
	uint32_t least = is_v4(conn) ? PMTU_MIN_V4 : PMTU_MIN_V6;

	if (mtu == 0 && is_v4(conn)) {
		mtu = plateau_below(pmtu_size(conn));
	}
	if (mtu < least) {
		tcp_count(conn->stack, icmp_mtu_refused);
		return;
	}
	if (mtu >= pmtu_size(conn)) {
		tcp_count(conn->stack, icmp_mtu_known);
		return;
	}
	/*
	 * RFC 5927 7.2: where packets of that size went through, the claim waits until a timeout
	 * says that they do not any more; an attacker cannot make the path lose them.
	 */
	if (conn->path_flags & TCP_PATH_FULL_ACKED) {
		tcp_count(conn->stack, icmp_mtu_delayed);
		conn->path_flags |= TCP_PATH_CLAIM;
		conn->pmtu_seq = seq;
		conn->pmtu_claim = (uint16_t)mtu;
		return;
	}
	tcp_count(conn->stack, pmtu_lowered);
	lower(conn, mtu);
	recovery_resend(conn);
}

void pmtu_sent(struct tcp_conn *conn, uint32_t size, uint32_t end)
{
	if (!(conn->path_flags & (TCP_PATH_FULL_SENT | TCP_PATH_FULL_ACKED)) &&
	    size >= pmtu_size(conn)) {
		conn->path_flags |= TCP_PATH_FULL_SENT;
		conn->pmtu_seq = end;
	}
}

void pmtu_acked(struct tcp_conn *conn)
{
	conn->full_lost = 0;
	conn->path_flags &= (uint16_t)~TCP_PATH_VANISHED;
	if (conn->mss_full != 0) {
		raise_again(conn);
	}
	if (conn->path_flags & TCP_PATH_FULL_SENT && seq_ge(conn->snd_una, conn->pmtu_seq)) {
		conn->path_flags &= (uint16_t)~TCP_PATH_FULL_SENT;
		conn->path_flags |= TCP_PATH_FULL_ACKED;
	} else if (conn->path_flags & TCP_PATH_CLAIM && seq_gt(conn->snd_una, conn->pmtu_seq)) {
		/* The packet that was said to be too big has arrived. */
		conn->path_flags &= (uint16_t)~TCP_PATH_CLAIM;
	}
}

/* Size of the packet that waits at snd_una, as it would be sent now. */
static uint32_t waiting_size(const struct tcp_conn *conn)
{
	uint32_t end = seq_min(send_queue_end(&conn->send), conn->snd_max);
	uint32_t len = seq_span(conn->snd_una, end);

	return headers(conn) + (len < conn->mss ? len : conn->mss);
}

/* The next smaller size that is worth a try for a packet of `size`, 0: none. */
static uint32_t smaller_mtu(const struct tcp_conn *conn, uint32_t size)
{
	if (!is_v4(conn)) {
		return size > PMTU_MIN_V6 ? PMTU_MIN_V6 : 0;
	}
	if (size > PMTU_MIN_V6 + PMTU_STEP_MIN) {
		return PMTU_MIN_V6;
	}
	return size > PMTU_MIN_V4 ? PMTU_MIN_V4 : 0;
}

/*
 * RFC 4821 7.7: full-stop timeouts. What is smaller than full-sized may vanish like a larger one,
 * when the path has room for less still: it is given more time to prove that.
 */
static bool vanishes(const struct tcp_conn *conn, uint32_t size)
{
	bool unproven = size == pmtu_size(conn) && !(conn->path_flags & TCP_PATH_FULL_ACKED);

	if (unproven && conn->path_flags & TCP_PATH_VANISHED) {
		return true;
	}
	return conn->full_lost >= (unproven ? LOST_UNPROVEN : LOST_PROVEN);
}

void pmtu_timeout(struct tcp_conn *conn)
{
	uint32_t size;
	uint32_t mtu;

	if (conn->path_flags & TCP_PATH_CLAIM) {
		tcp_count(conn->stack, pmtu_lowered);
		lower(conn, conn->pmtu_claim);
		return;
	}
	size = waiting_size(conn);
	mtu = smaller_mtu(conn, size);
	if (mtu == 0) {
		return;
	}
	if (conn->full_lost < UINT8_MAX) {
		conn->full_lost++;
	}
	if (vanishes(conn, size)) {
		bool unproven = !(conn->path_flags & TCP_PATH_FULL_ACKED);

		tcp_count(conn->stack, pmtu_black_holes);
		lower(conn, mtu);
		conn->path_flags |= unproven ? TCP_PATH_VANISHED : 0;
	}
}
