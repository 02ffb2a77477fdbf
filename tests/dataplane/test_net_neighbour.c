/*
 * The neighbour table: learning, ageing, waiting packets, limits.
 */
#include "dataplane/net/addr.h"
#include "dataplane/net/neighbour.h"
#include "suite.h"
#include "test_eal.h"

#include <arpa/inet.h>
#include <rte_mbuf.h>

#define SECOND UINT64_C(1000000)

static struct rte_mempool *pool;
static const struct rte_ether_addr mac_a = {{2, 0, 0, 0, 0, 0xa}};
static const struct rte_ether_addr mac_b = {{2, 0, 0, 0, 0, 0xb}};

static struct in6_addr host(uint32_t n)
{
	return net_addr_from_ipv4(htonl(0xc6120000u + n));
}

static struct net_neighbours *open_table(void)
{
	struct net_neighbours *table = net_neighbours_create(0, 42);

	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	return table;
}

static void close_table(struct net_neighbours *table)
{
	net_neighbours_destroy(table);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0);
}

static struct net_neighbour *learn(struct net_neighbours *table, uint32_t n,
				   const struct rte_ether_addr *mac, enum net_learn how,
				   uint64_t now_us)
{
	struct in6_addr addr = host(n);
	uint32_t dropped = 0;

	return net_neighbour_learn(table, &addr, mac, how, now_us, &dropped);
}

static void only_who_asks_gets_an_entry(void)
{
	struct net_neighbours *table = open_table();
	struct in6_addr one = host(1);

	CU_ASSERT_PTR_NULL(learn(table, 1, &mac_a, NET_LEARN_CONFIRM, 1));
	CU_ASSERT_PTR_NULL(net_neighbour_find(table, &one));
	CU_ASSERT_PTR_NOT_NULL(learn(table, 1, &mac_a, NET_LEARN_CREATE, 1));
	const struct net_neighbour *entry = net_neighbour_find(table, &one);
	CU_ASSERT(entry != NULL && entry->state == NET_NEIGHBOUR_KNOWN &&
		  rte_is_same_ether_addr(&entry->mac, &mac_a));
	close_table(table);
}

static void news_are_told_apart(void)
{
	struct net_neighbours *table = open_table();

	CU_ASSERT_PTR_NOT_NULL(learn(table, 1, &mac_a, NET_LEARN_CREATE, 1));
	CU_ASSERT_PTR_NULL(learn(table, 1, &mac_a, NET_LEARN_CREATE, 2));
	CU_ASSERT_PTR_NULL(learn(table, 1, &mac_b, NET_LEARN_KEEP, 3));
	CU_ASSERT_PTR_NOT_NULL(learn(table, 1, &mac_b, NET_LEARN_CONFIRM, 4));
	CU_ASSERT_PTR_NULL(learn(table, 1, &mac_b, NET_LEARN_KEEP, 5));
	close_table(table);
}

static void groups_are_no_neighbours(void)
{
	struct net_neighbours *table = open_table();
	const struct rte_ether_addr group = {{1, 0, 0x5e, 0, 0, 1}};
	const struct rte_ether_addr zero = {{0}};

	CU_ASSERT_PTR_NULL(learn(table, 1, &group, NET_LEARN_CREATE, 1));
	CU_ASSERT_PTR_NULL(learn(table, 1, &zero, NET_LEARN_CREATE, 1));
	close_table(table);
}

static struct net_neighbour *get(struct net_neighbours *table, uint32_t n, uint64_t now_us)
{
	struct in6_addr addr = host(n);
	uint32_t dropped = 0;

	return net_neighbour_get(table, &addr, now_us, &dropped);
}

static void questions_are_a_second_apart(void)
{
	struct net_neighbours *table = open_table();
	struct net_neighbour *entry = get(table, 1, SECOND);

	CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
	CU_ASSERT(net_neighbour_ask(entry, SECOND));
	CU_ASSERT_FALSE(net_neighbour_ask(entry, SECOND));
	CU_ASSERT_FALSE(net_neighbour_ask(entry, 2 * SECOND - 1));
	CU_ASSERT(net_neighbour_ask(entry, 2 * SECOND));
	close_table(table);
}

/* The old address stays in use while we ask again. */
static void stale_is_asked_for_when_used(void)
{
	struct net_neighbours *table = open_table();

	learn(table, 1, &mac_a, NET_LEARN_CREATE, SECOND);
	struct net_neighbour *entry = get(table, 1, 31 * SECOND - 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
	CU_ASSERT_FALSE(net_neighbour_ask(entry, 31 * SECOND - 1));
	CU_ASSERT(net_neighbour_ask(entry, 31 * SECOND));
	CU_ASSERT(entry != NULL && entry->state == NET_NEIGHBOUR_KNOWN);
	CU_ASSERT_FALSE(net_neighbour_ask(entry, 31 * SECOND + 1));
	learn(table, 1, &mac_a, NET_LEARN_CONFIRM, 31 * SECOND + 2);
	CU_ASSERT_FALSE(net_neighbour_ask(entry, 33 * SECOND));
	close_table(table);
}

static void few_packets_wait(void)
{
	struct net_neighbours *table = open_table();
	struct net_neighbour *entry = get(table, 1, 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
	for (uint32_t i = 0; i < NET_NEIGHBOUR_WAITING; i++) {
		CU_ASSERT(net_neighbour_wait(entry, rte_pktmbuf_alloc(pool)));
	}
	struct rte_mbuf *surplus = rte_pktmbuf_alloc(pool);
	CU_ASSERT_FALSE(net_neighbour_wait(entry, surplus));
	rte_pktmbuf_free(surplus);
	close_table(table); /* frees those that wait */
}

static void count_again(void *arg, const struct in6_addr *addr)
{
	(void)addr;
	(*(uint32_t *)arg)++;
}

static void unanswered_is_given_up(void)
{
	struct net_neighbours *table = open_table();
	struct in6_addr one = host(1);
	uint32_t again = 0;

	struct net_neighbour *entry = get(table, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
	CU_ASSERT(net_neighbour_ask(entry, 0));
	CU_ASSERT(net_neighbour_wait(entry, rte_pktmbuf_alloc(pool)));
	CU_ASSERT_EQUAL(net_neighbours_timers(table, SECOND - 1, count_again, &again), 0);
	CU_ASSERT_EQUAL(again, 0);
	CU_ASSERT_EQUAL(net_neighbours_timers(table, SECOND, count_again, &again), 0);
	CU_ASSERT_EQUAL(net_neighbours_timers(table, 2 * SECOND, count_again, &again), 0);
	CU_ASSERT_EQUAL(again, NET_NEIGHBOUR_TRIES - 1);
	CU_ASSERT_EQUAL(net_neighbours_timers(table, 3 * SECOND, count_again, &again), 1);
	CU_ASSERT_EQUAL(again, NET_NEIGHBOUR_TRIES - 1);
	CU_ASSERT_PTR_NULL(net_neighbour_find(table, &one));
	close_table(table);
}

/* A scan of a /16 through us must neither fill the table with questions nor take the gateway's. */
static void questions_are_limited(void)
{
	struct net_neighbours *table = open_table();
	uint32_t open = 0;

	for (uint32_t n = 1; n <= 65000; n++) {
		struct net_neighbour *entry = get(table, n, n);

		if (entry != NULL && net_neighbour_ask(entry, n)) {
			(void)net_neighbour_wait(entry, rte_pktmbuf_alloc(pool));
			open++;
		}
	}
	CU_ASSERT(open >= NET_NEIGHBOUR_INCOMPLETE);
	CU_ASSERT(rte_mempool_in_use_count(pool) <= NET_NEIGHBOUR_INCOMPLETE);
	for (uint64_t i = 1; i <= 4; i++) {
		uint32_t again = 0;

		(void)net_neighbours_timers(table, 65000 + i * SECOND, count_again, &again);
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0);
	CU_ASSERT_PTR_NOT_NULL(get(table, 1, 70 * SECOND));
	close_table(table);
}

/* Scan after scan of addresses that nobody has: the gateway, known all the time, stays. */
static void questions_do_not_displace_answers(void)
{
	struct net_neighbours *table = open_table();
	struct in6_addr gateway = host(0);
	uint32_t again = 0;
	uint64_t now = 1;

	CU_ASSERT_PTR_NOT_NULL(learn(table, 0, &mac_a, NET_LEARN_CREATE, now));
	for (uint32_t n = 1; n < 1000000; now += 4 * SECOND) {
		for (uint32_t i = 0; i < NET_NEIGHBOUR_INCOMPLETE; i++) {
			struct net_neighbour *entry = get(table, n++, now);

			CU_ASSERT(entry != NULL && net_neighbour_ask(entry, now));
		}
		for (uint64_t i = 1; i <= NET_NEIGHBOUR_TRIES; i++) {
			(void)net_neighbours_timers(table, now + i * SECOND, count_again, &again);
		}
	}
	CU_ASSERT_PTR_NOT_NULL(net_neighbour_find(table, &gateway));
	close_table(table);
}

static void the_longest_unconfirmed_gives_way(void)
{
	struct net_neighbours *table = open_table();
	uint32_t known = 0;

	/* Four times as many as there is room for, in order. */
	for (uint32_t n = 0; n < 4096; n++) {
		CU_ASSERT_PTR_NOT_NULL(learn(table, n, &mac_a, NET_LEARN_CREATE, n + 1));
	}
	for (uint32_t n = 4096 - 200; n < 4096; n++) {
		struct in6_addr addr = host(n);

		known += net_neighbour_find(table, &addr) != NULL;
	}
	/* Of the last 200 in 1024 places nearly all are there; of the first none. */
	CU_ASSERT(known > 195);
	struct in6_addr first = host(0);
	CU_ASSERT_PTR_NULL(net_neighbour_find(table, &first));
	close_table(table);
}

/*
 * A storm of questions to us with forged senders: those that we send to, the gateway among them,
 * stay, whenever they were confirmed; what is used no more goes.
 */
static void storms_do_not_displace_what_is_used(void)
{
	struct net_neighbours *table = open_table();
	uint64_t now = SECOND;

	for (uint32_t n = 0; n < 50; n++) {
		(void)learn(table, n, &mac_a, NET_LEARN_CREATE, now);
		CU_ASSERT_PTR_NOT_NULL(get(table, n, now));
	}
	for (uint32_t n = 100; n < 500000; n++) {
		(void)learn(table, n, &mac_b, NET_LEARN_CREATE, now + n);
	}
	now += SECOND;
	for (uint32_t n = 0; n < 50; n++) {
		struct net_neighbour *entry = get(table, n, now);

		CU_ASSERT(entry != NULL && entry->state == NET_NEIGHBOUR_KNOWN);
	}
	now += NET_NEIGHBOUR_USED_US + SECOND;
	for (uint32_t n = 500000; n < 600000; n++) {
		(void)learn(table, n, &mac_b, NET_LEARN_CREATE, now + n);
	}
	for (uint32_t n = 0; n < 50; n++) {
		struct in6_addr addr = host(n);

		CU_ASSERT_PTR_NULL(net_neighbour_find(table, &addr));
	}
	close_table(table);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"only who asks gets an entry", only_who_asks_gets_an_entry},
		{"news are told apart", news_are_told_apart},
		{"groups are no neighbours", groups_are_no_neighbours},
		{"questions are a second apart", questions_are_a_second_apart},
		{"stale is asked for when used", stale_is_asked_for_when_used},
		{"few packets wait", few_packets_wait},
		{"unanswered is given up", unanswered_is_given_up},
		{"questions are limited", questions_are_limited},
		{"questions do not displace answers", questions_do_not_displace_answers},
		{"storms do not displace what is used", storms_do_not_displace_what_is_used},
		{"the longest unconfirmed gives way", the_longest_unconfirmed_gives_way},
		{NULL, NULL},
	};

	test_eal_start();
	pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, 2176, 0);
	int status = pool != NULL ? suite_run("neighbour", tests) : EXIT_FAILURE;
	(void)rte_eal_cleanup();
	return status;
}
