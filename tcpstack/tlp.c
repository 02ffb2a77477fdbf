#include "tlp.h"

#include "delivery.h"
#include "sender.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"

#define MAX_ACK_DELAY_US 200000U  /* TLP.max_ack_delay: of the peer's delayed ACK */
#define NO_RTT_US        1000000U /* 7.2: without a round-trip time */

uint32_t tlp_timeout_us(const struct tcp_conn *conn)
{
	const struct tcp_sender *sender = conn->sender;
	uint32_t pto = 2 * conn->srtt_us;

	/* Where SACK has told something RACK's own timer does the work. */
	if (sender->phase != TCP_SENDER_OPEN || sender->tlp.sent ||
	    sender->board.sacked_bytes > 0 || sender->board.lost_bytes > 0 ||
	    sender->board.all.first == TRANSMISSION_NONE) {
		return 0;
	}
	if (conn->srtt_us == 0) {
		return NO_RTT_US;
	}
	if (sender->board.in_flight_bytes <= conn->mss) {
		pto += MAX_ACK_DELAY_US;
	}
	return pto;
}

void tlp_sent(struct tcp_conn *conn, bool is_retrans)
{
	struct tcp_tlp *tlp = &conn->sender->tlp;

	tlp->due = false;
	tlp->sent = true;
	tlp->is_retrans = is_retrans;
	tlp->end_seq = conn->snd_max;
	tcp_count(conn->stack, loss_probes);
	tcp_trace(conn, tail_loss_probe, conn->snd_max, 2 * conn->srtt_us);
}

bool tlp_acked(struct tcp_conn *conn, const struct tcp_delivery *delivery, bool bare_duplicate)
{
	struct tcp_tlp *tlp = &conn->sender->tlp;

	if (!tlp->sent || seq_lt(conn->snd_una, tlp->end_seq)) {
		return false;
	}
	/* Either it was new data, and it arrived, or both copies did. */
	if (!tlp->is_retrans || (delivery->dsack && delivery->duplicate.end == tlp->end_seq)) {
		tlp->sent = false;
		return false;
	}
	/* No word of a second copy: the first was lost. */
	if (seq_gt(conn->snd_una, tlp->end_seq)) {
		tlp->sent = false;
		return true;
	}
	/* Both arrived, and the peer does not know D-SACK. */
	tlp->sent = !bare_duplicate;
	return false;
}

void tlp_cancel(struct tcp_tlp *tlp)
{
	*tlp = (struct tcp_tlp){0};
}
