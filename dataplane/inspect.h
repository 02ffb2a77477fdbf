/*
 * Answers control's questions about connections: fills the page in `pub` (abi/inspect.h), a bounded
 * number of connections each loop, so that a list of 100,000 costs the worker a few microseconds a
 * loop while it is asked for, and one load a loop else. One thread, the worker's.
 */
#ifndef DP_INSPECT_H
#define DP_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

struct abi_page;
struct abi_pub;
struct abi_sub;
struct tcp_stack;

struct dp_inspect {
	struct abi_page *page;
	const struct tcp_stack *tcp;
	uint64_t request; /* that is being answered, or was */
	bool busy;
	uint32_t id;       /* only this connection; 0: all */
	bool records;      /* what is half-open or in TIME_WAIT */
	uint32_t slot;     /* to be looked at next */
	uint32_t examined; /* slots, for this page */
};

void dp_inspect_init(struct dp_inspect *inspect, struct abi_pub *pub, const struct tcp_stack *tcp);

/* `sub` NULL: no control is attached. Whether dp_inspect_poll() has something to do. */
bool dp_inspect_pending(const struct dp_inspect *inspect, const struct abi_sub *sub);

/* Goes on with the answer. Returns how many slots it looked at. */
uint32_t dp_inspect_poll(struct dp_inspect *inspect, const struct abi_sub *sub, uint64_t now_us);

#endif
