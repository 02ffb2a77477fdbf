/*
 * Neighbours of one worker: IP address to link address (ARP, RFC 826; NDP, RFC 4861 7).
 *
 * An entry is INCOMPLETE while we ask for it, and a few packets wait in it. A complete one is
 * trusted for 30 s after its last confirmation; used later, it is asked for again while the old
 * address stays in use. What is not used is not asked for. Four ways to a set: first what is only
 * asked for gives way, then what nothing was sent to for a minute, then what was confirmed the
 * longest ago. Who asks us takes no place from what is in use: his answer needs none.
 *
 * The table only says what to ask: net.c sends it. Single thread, no allocation after create.
 */
#ifndef NET_NEIGHBOUR_H
#define NET_NEIGHBOUR_H

#include <netinet/in.h>
#include <rte_ether.h>
#include <stdbool.h>
#include <stdint.h>

#define NET_NEIGHBOUR_SETS       256u
#define NET_NEIGHBOUR_WAYS       4u
#define NET_NEIGHBOUR_WAITING    4u   /* packets in one INCOMPLETE entry */
#define NET_NEIGHBOUR_INCOMPLETE 128u /* entries asked for at once */
#define NET_NEIGHBOUR_STALE_US   (30 * UINT64_C(1000000))
#define NET_NEIGHBOUR_USED_US    (60 * UINT64_C(1000000))
#define NET_NEIGHBOUR_RETRY_US   UINT64_C(1000000) /* RetransTimer, RFC 4861 10 */
#define NET_NEIGHBOUR_TRIES      3u                /* MAX_MULTICAST_SOLICIT, RFC 4861 10 */

struct rte_mbuf;
struct net_neighbours;

enum net_neighbour_state { NET_NEIGHBOUR_FREE = 0, NET_NEIGHBOUR_ASKED, NET_NEIGHBOUR_KNOWN };

struct net_neighbour {
	struct in6_addr addr;
	struct rte_ether_addr mac;
	uint8_t state; /* enum net_neighbour_state */
	uint8_t tries;
	uint8_t waiting_count;
	uint64_t confirmed_us;
	uint64_t used_us;  /* when a packet was sent to it, to a second; 0: never */
	uint64_t asked_us; /* when the last question was sent */
	struct rte_mbuf *waiting[NET_NEIGHBOUR_WAITING];
};

struct net_neighbours *net_neighbours_create(int numa_node, uint64_t seed);
/* Frees packets that wait. */
void net_neighbours_destroy(struct net_neighbours *table);

/*
 * The entry of `addr`, to send to, made when it is not there: NULL when there are too many
 * unanswered questions. Packets of an entry that had to give way are freed and added to *dropped.
 */
struct net_neighbour *net_neighbour_get(struct net_neighbours *table, const struct in6_addr *addr,
					uint64_t now_us, uint32_t *dropped);

/* Is it known, and was something sent to it in the last minute? */
bool net_neighbour_in_use(const struct net_neighbour *entry, uint64_t now_us);

/* The entry of `addr` or NULL. */
struct net_neighbour *net_neighbour_find(struct net_neighbours *table, const struct in6_addr *addr);

/*
 * Whether a question for the entry should be sent now: true at most once a second, and when true
 * the entry counts it as sent.
 */
bool net_neighbour_ask(struct net_neighbour *entry, uint64_t now_us);

/* Calls `see` for every packet that waits. For accounting. */
void net_neighbours_walk(const struct net_neighbours *table,
			 void (*see)(void *app, const struct rte_mbuf *packet), void *app);

/* Queues a packet on an entry that is not known yet; false when full (caller keeps the packet). */
bool net_neighbour_wait(struct net_neighbour *entry, struct rte_mbuf *packet);

enum net_learn {
	NET_LEARN_CONFIRM, /* update what we know or asked for */
	NET_LEARN_CREATE,  /* ... or make an entry: somebody asks us, we shall answer */
	NET_LEARN_KEEP,    /* like CONFIRM, but a different address is not believed (no override) */
};

/*
 * Takes in an announced link address. Returns the entry when it was made or its address changed or
 * was awaited, else NULL; the caller sends entry->waiting and sets waiting_count to 0.
 */
struct net_neighbour *net_neighbour_learn(struct net_neighbours *table, const struct in6_addr *addr,
					  const struct rte_ether_addr *mac, enum net_learn how,
					  uint64_t now_us, uint32_t *dropped);

/*
 * Looks at questions under way. Calls `again` for each one that is to be sent again; gives up
 * after NET_NEIGHBOUR_TRIES, freeing what waits: returns the number of packets freed.
 */
uint32_t net_neighbours_timers(struct net_neighbours *table, uint64_t now_us,
			       void (*again)(void *arg, const struct in6_addr *addr), void *arg);

#endif
