/*
 * Link and network layer of one worker: frames in, TCP packets out, and the other way round.
 *
 * ARP (RFC 826), ICMP echo (RFC 792), NDP (RFC 4861) and ICMPv6 echo (RFC 4443) are answered here.
 * TCP packets are handed up as bare IP packets, padding removed; their headers beyond length and
 * addresses are checked by tcpstack.
 *
 * Every worker has its own neighbours. What one learns, the others must: input() says which frames
 * they have to see. An ICMP error is for the worker that has the connection, which its addresses do
 * not tell: it is shown to all until one knows it.
 *
 * What anybody may ask of us is answered so many times a second: enum net_limit.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/counters.h"
#include "dataplane/net/iface.h"
#include "dataplane/net/neighbour.h"
#include "tcpstack/tcp.h"

#define NET_FRAMES 512u /* frames that wait for the port; a power of two */

struct rte_mbuf;
struct rte_mempool;

#define NET_LIMIT 1000u /* of each kind, a second */

enum net_limit {
	NET_LIMIT_ECHO,
	NET_LIMIT_ICMP_ERROR,
	NET_LIMIT_NEIGHBOUR,        /* who asks for our link address */
	NET_LIMIT_NEIGHBOUR_IN_USE, /* ... and is one we send to: a storm must not silence us */
	NET_LIMITS
};

struct net {
	const struct net_iface *iface;
	struct net_neighbours *neighbours;
	struct rte_mempool *pool; /* for what we send of our own */
	struct dp_counters *counters;
	uint64_t now_us;   /* set by net_begin() */
	uint64_t timer_us; /* when net_timers() looks again */
	/* True when an ICMP error is about a connection of this worker's; NULL: it has none. */
	bool (*icmp_error)(void *app, const struct tcp_icmp *error);
	void *app;
	uint64_t limit_s; /* the second that `allowed` is of */
	uint32_t allowed[NET_LIMITS];
	uint32_t frames_count;
	struct rte_mbuf *frames[NET_FRAMES]; /* ready for the port, in order */
};

/* Which limit a neighbour's question falls under. */
enum net_limit net_neighbour_limit(const struct net *net, const struct in6_addr *addr,
				   const struct rte_ether_addr *mac);

/* What became of a received frame. */
enum net_verdict {
	NET_DONE,  /* consumed */
	NET_TCP,   /* a bare IP packet with TCP for one of our addresses: the caller's */
	NET_TEACH, /* still the caller's: other workers must learn from it, then it is freed */
};

/* Memory: neighbours. 0 or -ENOMEM. */
int net_init(struct net *net, const struct net_iface *iface, struct rte_mempool *pool,
	     struct dp_counters *counters, int numa_node, uint64_t seed)
	__attribute__((warn_unused_result));
void net_fini(struct net *net);

/* Start of a loop. */
void net_begin(struct net *net, uint64_t now_us);

/*
 * Takes the VLAN tag off frames from the port and drops those of other VLANs; returns how many are
 * left. Needed where the interface has a VLAN, before anybody looks at what is behind the tag.
 */
uint32_t net_untag(struct net *net, struct rte_mbuf **frames, uint32_t count);

/* A frame from the port, without the tag of our VLAN. */
enum net_verdict net_input(struct net *net, struct rte_mbuf *frame);

/* A copy of a frame that another worker was told to teach with; consumed. */
void net_learn(struct net *net, struct rte_mbuf *frame);

/* Sends bare IP packets to their next hops: they become frames, or wait for a neighbour. */
void net_output(struct net *net, struct rte_mbuf **packets, uint32_t count);

/* Asks for neighbours again; cheap when nothing is due. */
void net_timers(struct net *net);

/* Calls `see` for every frame and packet that waits, for the port or a neighbour. For accounting.
 */
void net_walk(const struct net *net, void (*see)(void *app, const struct rte_mbuf *frame),
	      void *app);

/* Room for frames: what net_output() may be given without loss. */
static inline uint32_t net_room(const struct net *net)
{
	return NET_FRAMES - net->frames_count;
}

/* For the protocols (arp.c, ndp.c): a frame that is complete; dropped when there is no room. */
void net_send_frame(struct net *net, struct rte_mbuf *frame);
/* ... an address that was announced by a neighbour. True when it was news. */
bool net_announced(struct net *net, const struct in6_addr *addr, const struct rte_ether_addr *mac,
		   enum net_learn how);
/* ... puts the link-layer header in front, tag included. False when there is no headroom: the
 * packet is freed. */
bool net_put_ether(struct net *net, struct rte_mbuf *packet, const struct rte_ether_addr *to,
		   uint16_t type);

/* ... whether one more of that kind is heeded in this second; else it is counted. */
bool net_allow(struct net *net, enum net_limit kind);

static inline void net_count(struct net *net, enum dp_counter counter)
{
	dp_count(net->counters, counter, 1);
}

#endif
