/*
 * Forwarding between workers, and the sleeper that must not miss a wake-up.
 */
#include "dataplane/forward.h"
#include "dataplane/idle.h"
#include "suite.h"
#include "test_eal.h"

#include <pthread.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WORKERS 3u

static struct rte_mempool *pool;
static struct dp_forward_mesh mesh;
static struct dp_wake wakes[WORKERS];
static _Atomic uint32_t sleeping[WORKERS];
static struct dp_counters counters[WORKERS];
static struct dp_forward ends[WORKERS];

static void open_mesh(void)
{
	const int nodes[WORKERS] = {0};

	CU_ASSERT_EQUAL_FATAL(dp_forward_mesh_create(&mesh, nodes, WORKERS), 0);
	for (uint32_t i = 0; i < WORKERS; i++) {
		sleeping[i] = 0;
		wakes[i].sleeping = &sleeping[i];
		wakes[i].fd = eventfd(0, EFD_NONBLOCK);
		mesh.wakes[i] = &wakes[i];
		memset(&counters[i], 0, sizeof(counters[i]));
		ends[i] = (struct dp_forward){
			.mesh = &mesh, .self = i, .counters = &counters[i], .pool = pool};
	}
}

static void close_mesh(void)
{
	dp_forward_mesh_destroy(&mesh);
	for (uint32_t i = 0; i < WORKERS; i++) {
		close(wakes[i].fd);
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0);
}

struct segment {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	uint16_t ports[2];
};

static struct rte_mbuf *segment(uint8_t protocol, uint32_t source, uint16_t port)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	struct segment *s = (void *)rte_pktmbuf_append(m, sizeof(*s));

	memset(s, 0, sizeof(*s));
	s->ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	s->ip.version_ihl = 0x45;
	s->ip.next_proto_id = protocol;
	s->ip.src_addr = source;
	s->ports[0] = rte_cpu_to_be_16(port);
	return m;
}

static uint32_t owner(uint8_t protocol, uint32_t source, uint16_t port)
{
	struct rte_mbuf *m = segment(protocol, source, port);
	uint32_t who = dp_forward_owner(m, WORKERS, 2);

	rte_pktmbuf_free(m);
	return who;
}

static void flows_spread_and_stay_together(void)
{
	uint32_t flows[WORKERS] = {0};

	for (uint16_t port = 1024; port < 4024; port++) {
		uint32_t who = owner(IPPROTO_TCP, 0x0100000a, port);

		CU_ASSERT_FATAL(who < WORKERS);
		CU_ASSERT_EQUAL(owner(IPPROTO_TCP, 0x0100000a, port), who);
		flows[who]++;
	}
	for (uint32_t i = 0; i < WORKERS; i++) {
		CU_ASSERT(flows[i] > 800 && flows[i] < 1200);
	}
	CU_ASSERT_EQUAL(owner(IPPROTO_ICMP, 0x0100000a, 1), 2);
}

static void short_frames_stay_where_they_are(void)
{
	for (uint32_t length = 0; length < sizeof(struct segment); length++) {
		struct rte_mbuf *m = segment(IPPROTO_TCP, 1, 1);

		rte_pktmbuf_trim(m, (uint16_t)(sizeof(struct segment) - length));
		CU_ASSERT_EQUAL(dp_forward_owner(m, WORKERS, 1), 1);
		rte_pktmbuf_free(m);
	}
}

/* A tag in front of the IP header, VLAN 0: the port may have left it there. */
static struct rte_mbuf *tag(struct rte_mbuf *m)
{
	static const uint8_t priority[] = {0x81, 0x00, 0xa0, 0x00};
	uint8_t *frame;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rte_pktmbuf_prepend(m, sizeof(priority)));
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	memmove(frame, frame + sizeof(priority), 12);
	memcpy(frame + 12, priority, sizeof(priority));
	return m;
}

static void priority_changes_nothing(void)
{
	for (uint16_t port = 1; port <= 100; port++) {
		struct rte_mbuf *m = tag(segment(IPPROTO_TCP, 0x0100000a, port));

		CU_ASSERT_EQUAL(dp_forward_owner(m, WORKERS, 1U << 17),
				owner(IPPROTO_TCP, 0x0100000a, port));
		rte_pktmbuf_free(m);
	}
	for (uint32_t length = 0; length < sizeof(struct segment) + 4; length++) {
		struct rte_mbuf *m = tag(segment(IPPROTO_TCP, 1, 1));

		rte_pktmbuf_trim(m, (uint16_t)(sizeof(struct segment) + 4 - length));
		CU_ASSERT_EQUAL(dp_forward_owner(m, WORKERS, 1), 1);
		rte_pktmbuf_free(m);
	}
}

/* IPv6 options in front of TCP do not take a segment to another worker. */
static void extensions_change_nothing(void)
{
	static const uint8_t ports[] = {0x12, 0x34, 0x07, 0x8f};
	uint32_t first = 0;

	for (uint32_t options = 0; options <= 2; options++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint8_t *frame = (uint8_t *)rte_pktmbuf_append(m, 100);

		memset(frame, 0, 100);
		frame[12] = 0x86;
		frame[13] = 0xdd;
		frame[14 + 6] = options > 0 ? IPPROTO_DSTOPTS : IPPROTO_TCP;
		for (uint32_t i = 0; i < options; i++) {
			frame[54 + 8 * (size_t)i] = i + 1 < options ? IPPROTO_DSTOPTS : IPPROTO_TCP;
		}
		memcpy(frame + 54 + 8 * (size_t)options, ports, sizeof(ports));
		uint32_t who = dp_forward_owner(m, 1U << 16, 1U << 17);
		first = options == 0 ? who : first;
		CU_ASSERT(who < 1U << 16);
		CU_ASSERT_EQUAL(who, first);
		rte_pktmbuf_free(m);
	}
}

static void frames_arrive_in_order(void)
{
	struct rte_mbuf *got[DP_FORWARD_BURST];
	struct rte_mbuf *in[5];

	open_mesh();
	for (int i = 0; i < 5; i++) {
		in[i] = rte_pktmbuf_alloc(pool);
		dp_forward_send(&ends[0], in[i], 2, DP_FORWARD_FLOW);
	}
	CU_ASSERT_FALSE(dp_forward_pending(&ends[2]));
	dp_forward_flush(&ends[0]);
	CU_ASSERT(dp_forward_pending(&ends[2]));
	CU_ASSERT_EQUAL(dp_forward_waiting(&ends[2]), 5);
	CU_ASSERT_EQUAL(dp_forward_waiting(&ends[0]) + dp_forward_waiting(&ends[1]), 0);
	CU_ASSERT_FALSE(dp_forward_pending(&ends[1]));
	CU_ASSERT_EQUAL(dp_forward_receive(&ends[2], 1, got), 0);
	CU_ASSERT_EQUAL_FATAL(dp_forward_receive(&ends[2], 0, got), 5);
	CU_ASSERT_EQUAL(memcmp(in, got, sizeof(in)), 0);
	CU_ASSERT_EQUAL(got[0]->hash.usr, DP_FORWARD_FLOW);
	CU_ASSERT_EQUAL(counters[0].value[DP_COUNTER_rx_forwarded], 5);
	rte_pktmbuf_free_bulk(got, 5);
	close_mesh();
}

static void everybody_is_taught(void)
{
	struct rte_mbuf *got[DP_FORWARD_BURST];

	open_mesh();
	dp_forward_teach(&ends[1], segment(IPPROTO_ICMP, 9, 9));
	dp_forward_flush(&ends[1]);
	for (uint32_t i = 0; i < WORKERS; i += 2) {
		CU_ASSERT_EQUAL_FATAL(dp_forward_receive(&ends[i], 1, got), 1);
		CU_ASSERT_EQUAL(got[0]->hash.usr, DP_FORWARD_TEACH);
		CU_ASSERT_EQUAL(got[0]->pkt_len, sizeof(struct segment));
		rte_pktmbuf_free(got[0]);
	}
	close_mesh();
}

static void a_full_ring_is_counted(void)
{
	open_mesh();
	for (uint32_t i = 0; i < DP_FORWARD_RING + 100; i++) {
		dp_forward_send(&ends[0], rte_pktmbuf_alloc(pool), 1, DP_FORWARD_FLOW);
	}
	dp_forward_flush(&ends[0]);
	/* A ring of n holds n - 1. */
	CU_ASSERT_EQUAL(counters[0].value[DP_COUNTER_forward_full], 101);
	CU_ASSERT_EQUAL(counters[0].value[DP_COUNTER_rx_forwarded], DP_FORWARD_RING - 1);
	close_mesh(); /* frees what lies in the ring */
}

static bool is_woken(const struct dp_wake *wake)
{
	uint64_t count;

	return read(wake->fd, &count, sizeof(count)) == sizeof(count);
}

static void only_sleepers_are_woken(void)
{
	open_mesh();
	dp_wake(&wakes[1]);
	CU_ASSERT_FALSE(is_woken(&wakes[1]));
	sleeping[1] = 1;
	dp_forward_send(&ends[0], rte_pktmbuf_alloc(pool), 1, DP_FORWARD_FLOW);
	CU_ASSERT_FALSE(is_woken(&wakes[1]));
	dp_forward_flush(&ends[0]);
	CU_ASSERT(is_woken(&wakes[1]));
	close_mesh();
}

#define ROUNDS 100000u

static _Atomic bool given_up;

/* So that the next frame comes at any moment of the sleeper's going to sleep. */
static void pause_for(uint32_t times)
{
	while (times-- > 0) {
		rte_pause();
	}
}

/* Sends one frame at a time and waits until it was taken. */
static void *produce(void *arg)
{
	_Atomic uint32_t *taken = arg;
	cpu_set_t cpus;

	/* EAL bound us to the sleeper's CPU, where the two could never meet. */
	CPU_ZERO(&cpus);
	CPU_SET((size_t)(sysconf(_SC_NPROCESSORS_ONLN) - 1), &cpus);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	for (uint32_t i = 0; i < ROUNDS && !atomic_load(&given_up); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		dp_forward_send(&ends[0], m, 1, DP_FORWARD_FLOW);
		dp_forward_flush(&ends[0]);
		for (uint32_t spins = 0; atomic_load(taken) == i && !atomic_load(&given_up);) {
			if (++spins % 4096 == 0) {
				sched_yield();
			}
		}
		pause_for(i % 7);
	}
	return NULL;
}

static bool pending(const void *app)
{
	return dp_forward_pending(app);
}

/* A wake-up that is lost costs the whole sleep, which is made long enough to be told apart. */
static void no_wakeup_is_lost(void)
{
	static _Atomic uint32_t taken;
	struct rte_mbuf *got[DP_FORWARD_BURST];
	struct dp_idle idle;
	pthread_t thread;

	open_mesh();
	dp_idle_init(&idle, true, -1, &wakes[1]);
	idle.pending = pending;
	idle.app = &ends[1];
	idle.longest_us = 10000000;
	atomic_store(&taken, 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, produce, &taken), 0);
	while (atomic_load(&taken) < ROUNDS && idle.timeouts == 0) {
		pause_for(atomic_load(&taken) % 61);
		uint32_t count = dp_forward_receive(&ends[1], 0, got);

		if (count == 0) {
			idle.empty = 1000; /* as if it had been idle for long */
			dp_idle(&idle, 0, UINT64_MAX);
			continue;
		}
		rte_pktmbuf_free_bulk(got, count);
		atomic_fetch_add(&taken, count);
	}
	atomic_store(&given_up, true);
	CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
	CU_ASSERT_EQUAL(idle.timeouts, 0);
	CU_ASSERT_EQUAL(counters[0].value[DP_COUNTER_rx_forwarded], ROUNDS);
	close_mesh();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"flows spread and stay together", flows_spread_and_stay_together},
		{"short frames stay where they are", short_frames_stay_where_they_are},
		{"extensions change nothing", extensions_change_nothing},
		{"a priority tag changes nothing", priority_changes_nothing},
		{"frames arrive in order", frames_arrive_in_order},
		{"everybody is taught", everybody_is_taught},
		{"a full ring is counted", a_full_ring_is_counted},
		{"only sleepers are woken", only_sleepers_are_woken},
		{"no wake-up is lost", no_wakeup_is_lost},
		{NULL, NULL},
	};

	test_eal_start();
	pool = rte_pktmbuf_pool_create("test", 2047, 0, 0, 2176, 0);
	int status = pool != NULL ? suite_run("forward", tests) : EXIT_FAILURE;
	(void)rte_eal_cleanup();
	return status;
}
