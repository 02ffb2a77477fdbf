#include "dataplane/net/neighbour.h"

#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"

#define USED_GRAIN_US UINT64_C(1000000)

struct net_neighbours {
	uint32_t seed;
	uint32_t asked_count;
	struct net_neighbour *asked[NET_NEIGHBOUR_INCOMPLETE]; /* all that are ASKED */
	struct net_neighbour sets[NET_NEIGHBOUR_SETS][NET_NEIGHBOUR_WAYS];
};

struct net_neighbours *net_neighbours_create(int numa_node, uint64_t seed)
{
	struct net_neighbours *table =
		rte_zmalloc_socket("neighbours", sizeof(*table), RTE_CACHE_LINE_SIZE, numa_node);

	if (table != NULL) {
		table->seed = (uint32_t)seed;
	}
	return table;
}

static uint32_t drop_waiting(struct net_neighbour *entry)
{
	uint32_t count = entry->waiting_count;

	rte_pktmbuf_free_bulk(entry->waiting, count);
	entry->waiting_count = 0;
	return count;
}

void net_neighbours_destroy(struct net_neighbours *table)
{
	if (table == NULL) {
		return;
	}
	for (uint32_t i = 0; i < table->asked_count; i++) {
		(void)drop_waiting(table->asked[i]);
	}
	rte_free(table);
}

void net_neighbours_walk(const struct net_neighbours *table,
			 void (*see)(void *app, const struct rte_mbuf *packet), void *app)
{
	for (uint32_t i = 0; i < table->asked_count; i++) {
		const struct net_neighbour *entry = table->asked[i];

		for (uint32_t j = 0; j < entry->waiting_count; j++) {
			see(app, entry->waiting[j]);
		}
	}
}

static struct net_neighbour *set_of(struct net_neighbours *table, const struct in6_addr *addr)
{
	uint32_t hash = rte_jhash_32b((const uint32_t *)addr, 4, table->seed);

	return table->sets[hash % NET_NEIGHBOUR_SETS];
}

struct net_neighbour *net_neighbour_find(struct net_neighbours *table, const struct in6_addr *addr)
{
	struct net_neighbour *set = set_of(table, addr);

	for (uint32_t i = 0; i < NET_NEIGHBOUR_WAYS; i++) {
		if (set[i].state != NET_NEIGHBOUR_FREE && net_addr_equal(&set[i].addr, addr)) {
			return &set[i];
		}
	}
	return NULL;
}

static void forget_question(struct net_neighbours *table, const struct net_neighbour *entry)
{
	for (uint32_t i = 0; i < table->asked_count; i++) {
		if (table->asked[i] == entry) {
			table->asked[i] = table->asked[--table->asked_count];
			return;
		}
	}
}

static void release(struct net_neighbours *table, struct net_neighbour *entry, uint32_t *dropped)
{
	if (entry->state == NET_NEIGHBOUR_ASKED) {
		forget_question(table, entry);
	}
	*dropped += drop_waiting(entry);
	*entry = (struct net_neighbour){.state = NET_NEIGHBOUR_FREE};
}

bool net_neighbour_in_use(const struct net_neighbour *entry, uint64_t now_us)
{
	return entry->state == NET_NEIGHBOUR_KNOWN && entry->used_us != 0 &&
	       now_us < entry->used_us + NET_NEIGHBOUR_USED_US;
}

/*
 * Whether `a` gives way rather than `b`: a question before an answer, the unused before the used,
 * the older before the newer.
 */
static bool gives_way(const struct net_neighbour *a, const struct net_neighbour *b, uint64_t now_us)
{
	if (a->state != b->state) {
		return a->state < b->state;
	}
	if (net_neighbour_in_use(a, now_us) != net_neighbour_in_use(b, now_us)) {
		return net_neighbour_in_use(b, now_us);
	}
	return a->confirmed_us < b->confirmed_us;
}

/* The way of its set that gives way: who makes us ask for many must not make us forget others. */
static struct net_neighbour *choose(struct net_neighbours *table, const struct in6_addr *addr,
				    uint64_t now_us)
{
	struct net_neighbour *set = set_of(table, addr);
	struct net_neighbour *victim = &set[0];

	for (uint32_t i = 1; i < NET_NEIGHBOUR_WAYS; i++) {
		if (gives_way(&set[i], victim, now_us)) {
			victim = &set[i];
		}
	}
	return victim;
}

static struct net_neighbour *claim(struct net_neighbours *table, struct net_neighbour *victim,
				   const struct in6_addr *addr, uint32_t *dropped)
{
	release(table, victim, dropped);
	victim->addr = *addr;
	return victim;
}

struct net_neighbour *net_neighbour_get(struct net_neighbours *table, const struct in6_addr *addr,
					uint64_t now_us, uint32_t *dropped)
{
	struct net_neighbour *entry = net_neighbour_find(table, addr);

	if (entry != NULL) {
		if (now_us >= entry->used_us + USED_GRAIN_US) {
			entry->used_us = now_us;
		}
		return entry;
	}
	if (table->asked_count == NET_NEIGHBOUR_INCOMPLETE) {
		return NULL;
	}
	entry = claim(table, choose(table, addr, now_us), addr, dropped);
	entry->state = NET_NEIGHBOUR_ASKED;
	entry->used_us = now_us;
	/* Not confirmed, but it must not be the first to give way to the next question. */
	entry->confirmed_us = now_us;
	table->asked[table->asked_count++] = entry;
	return entry;
}

bool net_neighbour_ask(struct net_neighbour *entry, uint64_t now_us)
{
	if (entry->state == NET_NEIGHBOUR_KNOWN &&
	    now_us < entry->confirmed_us + NET_NEIGHBOUR_STALE_US) {
		return false;
	}
	if (entry->tries != 0 && now_us < entry->asked_us + NET_NEIGHBOUR_RETRY_US) {
		return false;
	}
	entry->asked_us = now_us;
	entry->tries = entry->tries < UINT8_MAX ? entry->tries + 1 : UINT8_MAX;
	return true;
}

bool net_neighbour_wait(struct net_neighbour *entry, struct rte_mbuf *packet)
{
	if (entry->waiting_count == NET_NEIGHBOUR_WAITING) {
		return false;
	}
	entry->waiting[entry->waiting_count++] = packet;
	return true;
}

static struct net_neighbour *update(struct net_neighbours *table, struct net_neighbour *entry,
				    const struct rte_ether_addr *mac, uint64_t now_us)
{
	bool news =
		entry->state != NET_NEIGHBOUR_KNOWN || !rte_is_same_ether_addr(&entry->mac, mac);

	if (entry->state == NET_NEIGHBOUR_ASKED) {
		forget_question(table, entry);
	}
	entry->state = NET_NEIGHBOUR_KNOWN;
	entry->mac = *mac;
	entry->confirmed_us = now_us;
	entry->tries = 0;
	return news ? entry : NULL;
}

struct net_neighbour *net_neighbour_learn(struct net_neighbours *table, const struct in6_addr *addr,
					  const struct rte_ether_addr *mac, enum net_learn how,
					  uint64_t now_us, uint32_t *dropped)
{
	struct net_neighbour *entry = net_neighbour_find(table, addr);

	if (!rte_is_valid_assigned_ether_addr(mac)) {
		return NULL;
	}
	if (entry == NULL) {
		entry = choose(table, addr, now_us);
		if (how != NET_LEARN_CREATE || net_neighbour_in_use(entry, now_us)) {
			return NULL;
		}
		entry = claim(table, entry, addr, dropped);
	} else if (how == NET_LEARN_KEEP && entry->state == NET_NEIGHBOUR_KNOWN &&
		   !rte_is_same_ether_addr(&entry->mac, mac)) {
		return NULL;
	}
	return update(table, entry, mac, now_us);
}

uint32_t net_neighbours_timers(struct net_neighbours *table, uint64_t now_us,
			       void (*again)(void *arg, const struct in6_addr *addr), void *arg)
{
	uint32_t dropped = 0;
	uint32_t i = 0;

	while (i < table->asked_count) {
		struct net_neighbour *entry = table->asked[i];

		if (now_us < entry->asked_us + NET_NEIGHBOUR_RETRY_US) {
			i++;
		} else if (entry->tries >= NET_NEIGHBOUR_TRIES) {
			release(table, entry, &dropped); /* the last one takes place i */
		} else {
			if (net_neighbour_ask(entry, now_us)) {
				again(arg, &entry->addr);
			}
			i++;
		}
	}
	return dropped;
}
