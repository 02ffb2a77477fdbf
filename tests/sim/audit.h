/*
 * Accounts: what became of each packet, and that nothing is left at the end.
 */
#ifndef SIM_AUDIT_H
#define SIM_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

struct host;
struct rte_mbuf;
struct world;

struct audit_fate {
	bool payload; /* one packet with payload: something must become of it */
	uint64_t sum; /* of the counters that say what */
};

struct audit_fate audit_before(const struct host *host, struct rte_mbuf *const *packets,
			       uint32_t count);
void audit_after(struct host *host, const struct audit_fate *fate);
/* What owners pin stays inside their budgets. */
void audit_budgets(struct world *world);
/* No connection, record, timer, packet or buffer is left, and counters add up. */
void audit_end(struct world *world);
/* Prints all counters that are not 0. */
void audit_print(const struct world *world);

#endif
