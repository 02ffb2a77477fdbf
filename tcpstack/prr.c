#include "prr.h"

#include "sender.h"
#include "stack.h"

void prr_begin(struct tcp_conn *conn, uint32_t flight)
{
	conn->sender->prr = (struct tcp_prr){.recover_fs = flight > 0 ? flight : 1};
}

/* At least as much as was lost, at most up to ssthresh: the conservative or the slow-start bound.
 */
static int64_t reduction_bound(const struct tcp_conn *conn, uint32_t delivered, bool safe)
{
	const struct tcp_prr *prr = &conn->sender->prr;
	int64_t room = (int64_t)conn->ssthresh - conn->sender->board.in_flight_bytes;
	int64_t limit = (int64_t)prr->delivered - prr->out;

	limit = limit > delivered ? limit : delivered;
	limit += safe ? conn->mss : 0;
	return limit < room ? limit : room;
}

void prr_acked(struct tcp_conn *conn, uint32_t delivered, bool safe)
{
	struct tcp_prr *prr = &conn->sender->prr;
	uint32_t pipe = conn->sender->board.in_flight_bytes;
	int64_t send;

	prr->delivered += delivered;
	if (pipe > conn->ssthresh) {
		send = (int64_t)(((uint64_t)prr->delivered * conn->ssthresh + prr->recover_fs - 1) /
				 prr->recover_fs) -
		       prr->out;
	} else {
		send = reduction_bound(conn, delivered, safe);
	}
	send = send > 0 ? send : 0;
	/* The first retransmission always goes. */
	if (prr->out == 0 && send < conn->mss) {
		send = conn->mss;
	}
	conn->cwnd = pipe + (uint32_t)send;
}

void prr_sent(struct tcp_conn *conn, uint32_t bytes)
{
	conn->sender->prr.out += bytes;
}
