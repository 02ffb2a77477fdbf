/*
 * The network layer for its unit tests: one interface, one peer, and a pool that is whole again
 * when it is closed.
 */
#ifndef TEST_NET_H
#define TEST_NET_H

#include <arpa/inet.h>
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/net/addr.h"
#include "dataplane/net/net.h"
#include "suite.h"
#include "test_eal.h"

static struct rte_mempool *pool;
static struct dp_counters counters;
static struct net net;
static struct net_iface iface;

static const struct rte_ether_addr our_mac = {{0x02, 0, 0, 0, 0, 0x99}};
static const struct rte_ether_addr peer_mac = {{0x02, 0, 0, 0, 0, 0x01}};

static inline struct in6_addr addr(const char *text)
{
	struct in6_addr out;
	uint32_t v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		return net_addr_from_ipv4(v4);
	}
	CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, text, &out), 1);
	return out;
}

static inline void start_net(const struct config_port *config)
{
	memset(&counters, 0, sizeof(counters));
	CU_ASSERT_EQUAL_FATAL(net_iface_init(&iface, config, &our_mac), 0);
	CU_ASSERT_EQUAL_FATAL(net_init(&net, &iface, pool, &counters, 0, 7), 0);
	net_begin(&net, 1000000);
}

static inline void close_net(void)
{
	net_fini(&net);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0);
}

static inline uint64_t counted(enum dp_counter counter)
{
	return counters.value[counter];
}

static inline enum net_verdict input(struct rte_mbuf *frame)
{
	enum net_verdict verdict = net_input(&net, frame);

	if (verdict != NET_DONE) {
		rte_pktmbuf_free(frame);
	}
	return verdict;
}

/* What main() returns. */
static inline int run_net(const char *name, const struct suite_test *tests, unsigned int mbufs)
{
	test_eal_start();
	pool = rte_pktmbuf_pool_create("test", mbufs, 0, 0, 2176, 0);
	int status = pool != NULL ? suite_run(name, tests) : EXIT_FAILURE;
	(void)rte_eal_cleanup();
	return status;
}

#endif
