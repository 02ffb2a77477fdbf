#include "cookie.h"

#include <string.h>

#include "segment.h"
#include "stack.h"

#define PERIOD_S    64U
#define CLASS_MASK  7U
#define WSCALE_MASK 15U /* no peer scales by 15: it says "no window scale" */
#define FLAGS_SHIFT 4
#define FLAGS_MASK  3U /* of what is not told by the timestamp itself or by the scale */
#define TS_MASK     63U

/* What publishers have: Ethernet, PPPoE, tunnels, VPNs, the least of IPv6 and of IPv4, jumbo. */
static const uint16_t mss_classes[CLASS_MASK + 1] = {216, 536, 1220, 1360, 1400, 1440, 1460, 8900};

static uint32_t period(const struct tcp_stack *stack)
{
	return stack_seconds(stack) / PERIOD_S;
}

static uint32_t cookie(const struct tcp_stack *stack, const struct tcp_key *key, uint32_t irs,
		       uint32_t at, uint32_t mss_class)
{
	return (tcp_cookie_hash(&stack->secret, key, irs, at, mss_class) & ~CLASS_MASK) | mss_class;
}

static uint64_t mark_bit(uint32_t hash)
{
	return UINT64_C(1) << (hash % 64);
}

static uint32_t mark_word(uint32_t hash)
{
	return hash % COOKIE_MARKS / 64;
}

static void mark(struct tcp_stack *stack, uint32_t hash)
{
	struct tcp_syn_pool *syn = &stack->syn;
	uint32_t now = period(stack);

	if (now - syn->cookie_period > 1) {
		memset(syn->cookie_marks, 0, sizeof(syn->cookie_marks));
	} else if (now != syn->cookie_period) {
		memset(syn->cookie_marks[now & 1], 0, sizeof(syn->cookie_marks[0]));
	}
	syn->cookie_period = now;
	syn->cookies_used = true;
	syn->cookie_marks[now & 1][mark_word(hash)] |= mark_bit(hash);
}

bool cookie_make(struct tcp_stack *stack, struct tcp_syn_record *record, uint32_t hash)
{
	uint32_t mss_class = CLASS_MASK;

	while (record->mss < mss_classes[mss_class]) {
		if (mss_class-- == 0) {
			return false;
		}
	}
	record->mss = mss_classes[mss_class];
	record->iss = cookie(stack, &record->key, record->irs, period(stack), mss_class);
	mark(stack, hash);
	return true;
}

uint32_t cookie_timestamp(const struct tcp_syn_record *record, uint32_t now)
{
	uint32_t wscale = record->flags & TCP_SYN_WSCALE ? record->wscale : WSCALE_MASK;
	uint32_t flags =
		(record->flags & TCP_SYN_SACK ? 1U : 0) | (record->flags & TCP_SYN_ECN ? 2U : 0);
	uint32_t ts = (now & ~TS_MASK) | flags << FLAGS_SHIFT | wscale;

	/* The clock must not seem to go back after this (RFC 7323 5.4). */
	return seq_gt(ts, now) ? ts - (TS_MASK + 1) : ts;
}

bool cookie_expected(const struct tcp_stack *stack, uint32_t hash)
{
	const struct tcp_syn_pool *syn = &stack->syn;
	uint32_t last = syn->cookie_period;
	uint64_t marks;

	if (!syn->cookies_used || period(stack) - last > 1) {
		return false;
	}
	marks = syn->cookie_marks[last & 1][mark_word(hash)];
	if (last == period(stack)) {
		marks |= syn->cookie_marks[~last & 1][mark_word(hash)];
	}
	return (marks & mark_bit(hash)) != 0;
}

static void take_timestamp(const struct tcp_segment *seg, struct tcp_syn_record *record)
{
	uint32_t carried = seg->opt.tsecr & TS_MASK;
	uint32_t flags = carried >> FLAGS_SHIFT & FLAGS_MASK;

	record->flags = TCP_SYN_TIMESTAMPS;
	record->ts_recent = seg->opt.tsval;
	record->flags |= flags & 1 ? TCP_SYN_SACK : 0;
	if (flags & 2) {
		record->flags = (record->flags | TCP_SYN_ECN) & 15;
	}
	if ((carried & WSCALE_MASK) != WSCALE_MASK) {
		record->flags |= TCP_SYN_WSCALE;
		record->wscale = carried & WSCALE_MASK;
	}
}

bool cookie_check(const struct tcp_stack *stack, const struct tcp_segment *seg,
		  struct tcp_syn_record *record)
{
	uint32_t iss = seg->ack - 1;
	uint32_t irs = seg->seq - 1;
	uint32_t now = period(stack);

	if (iss != cookie(stack, &seg->key, irs, now, iss & CLASS_MASK) &&
	    iss != cookie(stack, &seg->key, irs, now - 1, iss & CLASS_MASK)) {
		return false;
	}
	memset(record, 0, sizeof(*record));
	record->key = seg->key;
	record->irs = irs;
	record->iss = iss;
	record->mss = mss_classes[iss & CLASS_MASK];
	if (seg->opt.flags & TCP_OPT_TIMESTAMPS) {
		take_timestamp(seg, record);
	}
	return true;
}
