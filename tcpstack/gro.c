#include "gro.h"

#include "segment.h"

static bool is_plain_data(const struct tcp_segment *seg)
{
	return seg->len > 0 && (seg->flags & ~TCP_PSH) == TCP_ACK && seg->opt.sack_count == 0;
}

static bool says_the_same(const struct tcp_segment *a, const struct tcp_segment *b)
{
	bool timestamps = a->opt.flags & TCP_OPT_TIMESTAMPS;

	return a->ack == b->ack && a->wnd == b->wnd && a->ecn == b->ecn &&
	       a->opt.flags == b->opt.flags &&
	       (!timestamps || (a->opt.tsval == b->opt.tsval && a->opt.tsecr == b->opt.tsecr));
}

bool gro_merge(struct tcp_segment *into, struct tcp_segment *next)
{
	if (next->seq != into->seq + into->len || next->hash != into->hash ||
	    !is_plain_data(into) || !is_plain_data(next) || !says_the_same(into, next) ||
	    !tcp_key_equal(&into->key, &next->key)) {
		return false;
	}
	chain_append(&into->payload, &next->payload);
	into->len += next->len;
	into->flags |= next->flags;
	into->largest = into->largest > next->largest ? into->largest : next->largest;
	return true;
}
