/*
 * Who has this address? An ARP request (RFC 826) or a neighbour solicitation (RFC 4861 4.3), as a
 * whole frame, in anybody's name.
 */
#ifndef GEN_ASK_H
#define GEN_ASK_H

#include <netinet/in.h>
#include <rte_ether.h>

struct rte_mbuf;
struct rte_mempool;

/* `from` and `mac` are the asker's; both addresses are of one family. NULL: no mbuf. */
struct rte_mbuf *ask(struct rte_mempool *pool, const struct in6_addr *from,
		     const struct rte_ether_addr *mac, const struct in6_addr *target);

#endif
