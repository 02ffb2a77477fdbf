/*
 * penstock-gen below TCP, without a port: chains of shared payload, an impaired link, floods.
 */
#include "bench/common/mark.h"
#include "bench/gen/chain.h"
#include "bench/gen/flood.h"
#include "bench/gen/impair.h"
#include "control/config/address.h"
#include "tests/dataplane/test_eal.h"

#include <assert.h>
#include <CUnit/Basic.h>
#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <stdlib.h>
#include <string.h>

#define MBUFS 2047u

static struct rte_mempool *data_pool;
static struct rte_mempool *slice_pool;

static void check_pools_full(void)
{
	CU_ASSERT_EQUAL(rte_mempool_avail_count(data_pool), MBUFS);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(slice_pool), MBUFS);
}

/* Chains */

static uint8_t shared[MARK_PATTERN];

static void check_chain(struct rte_mbuf *chain, const struct iovec *iov, uint32_t count)
{
	static uint8_t want[sizeof(shared) * 2];
	static uint8_t got[sizeof(shared) * 2];
	uint32_t len = 0;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(want + len, iov[i].iov_base, iov[i].iov_len);
		len += (uint32_t)iov[i].iov_len;
	}
	if (chain == NULL) {
		CU_FAIL("no chain");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(chain->pkt_len, len);
	const char *reason;
	CU_ASSERT_EQUAL(rte_mbuf_check(chain, 1, &reason), 0);
	const void *at = rte_pktmbuf_read(chain, 0, len, got);
	CU_ASSERT_EQUAL(memcmp(at, want, len), 0);
}

static void test_chains(void)
{
	struct chain_source source;
	uint8_t small[300];
	struct iovec iov[] = {
		{small, 12},         {shared, 4096},
		{small, 1},          {shared + 60000, 70000}, /* longer than a slice can be */
		{shared + 100, 100},                          /* not worth one */
		{small, 300},
	};

	for (uint32_t i = 0; i < sizeof(shared); i++) {
		shared[i] = (uint8_t)(i * 7 >> 3);
	}
	memset(small, 0x5a, sizeof(small));
	chain_source_init(&source, data_pool, slice_pool);
	chain_source_share(&source, shared, 0, sizeof(shared));
	struct rte_mbuf *chain = chain_make(&source, iov, 6);
	check_chain(chain, iov, 6);
	/* 4096, and 70000 in three; all else is in two buffers of its own and one more. */
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(slice_pool), 4);
	struct rte_mbuf *clone = rte_pktmbuf_clone(chain, slice_pool);
	CU_ASSERT_PTR_NOT_NULL(clone);
	rte_pktmbuf_free(chain);
	check_chain(clone, iov, 6);
	rte_pktmbuf_free(clone);
	check_pools_full();
	chain = chain_make(&source, iov + 4, 2);
	check_chain(chain, iov + 4, 2);
	CU_ASSERT_EQUAL(chain->nb_segs, 1);
	rte_pktmbuf_free(chain);
	check_pools_full();
}

/* The count of the shared memory wraps, and nothing is freed. */
static void test_many_references(void)
{
	struct chain_source source;
	struct iovec iov = {shared, 1000};

	chain_source_init(&source, data_pool, slice_pool);
	chain_source_share(&source, shared, 0, sizeof(shared));
	for (uint32_t round = 0; round < 200; round++) {
		struct rte_mbuf *chains[1000];

		for (uint32_t i = 0; i < 1000; i++) {
			chains[i] = chain_make(&source, &iov, 1);
			CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
		}
		rte_pktmbuf_free_bulk(chains, 1000);
	}
	check_pools_full();
}

static void test_chain_without_mbufs(void)
{
	struct rte_mbuf *all[MBUFS];
	struct chain_source source;
	struct iovec iov[] = {{shared, 100}, {shared, 1000}};

	chain_source_init(&source, data_pool, slice_pool);
	chain_source_share(&source, shared, 0, sizeof(shared));
	CU_ASSERT_EQUAL(rte_pktmbuf_alloc_bulk(slice_pool, all, MBUFS), 0);
	CU_ASSERT_PTR_NULL(chain_make(&source, iov, 2));
	rte_pktmbuf_free_bulk(all, MBUFS);
	CU_ASSERT_EQUAL(rte_pktmbuf_alloc_bulk(data_pool, all, MBUFS), 0);
	CU_ASSERT_PTR_NULL(chain_make(&source, iov, 2));
	rte_pktmbuf_free_bulk(all, MBUFS);
	check_pools_full();
}

/* Impairment */

struct tally {
	uint32_t passed;
	uint32_t twice;
	uint32_t late;
	uint64_t hash;
};

static void count_frames(struct tally *t, struct rte_mbuf **frames, uint32_t count, uint8_t *seen,
			 uint32_t *highest)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = *rte_pktmbuf_mtod(frames[i], const uint32_t *);

		t->passed++;
		t->twice += seen[number];
		t->late += number < *highest;
		t->hash = t->hash * 31 + number;
		seen[number] = 1;
		*highest = number > *highest ? number : *highest;
		rte_pktmbuf_free(frames[i]);
	}
}

#define FRAMES 40000u

static struct tally pass(const struct impair_config *config, struct impair *impair)
{
	static uint8_t seen[FRAMES];
	struct tally tally = {0};
	uint32_t highest = 0;

	memset(seen, 0, sizeof(seen));
	impair_init(impair, config, data_pool);
	for (uint32_t number = 0; number < FRAMES; number += 32) {
		struct rte_mbuf *frames[128];

		for (uint32_t i = 0; i < 32; i++) {
			frames[i] = rte_pktmbuf_alloc(data_pool);
			CU_ASSERT_PTR_NOT_NULL_FATAL(frames[i]);
			*(uint32_t *)(void *)rte_pktmbuf_append(frames[i], 64) = number + i;
		}
		uint32_t count = impair_pass(impair, frames, 32, 128, number * UINT64_C(10));
		CU_ASSERT_TRUE_FATAL(count <= 128);
		count_frames(&tally, frames, count, seen, &highest);
	}
	impair_fini(impair);
	check_pools_full();
	return tally;
}

static void test_impairment(void)
{
	const struct impair_config config = {
		.loss_ppm = 100000, .duplicate_ppm = 50000, .reorder_ppm = 20000, .seed = 7};
	struct impair impair;
	struct tally tally = pass(&config, &impair);

	CU_ASSERT_TRUE(impair.lost > 3800 && impair.lost < 4200);
	CU_ASSERT_TRUE(impair.duplicated > 1600 && impair.duplicated < 2000);
	CU_ASSERT_TRUE(impair.reordered > 600 && impair.reordered < 850);
	CU_ASSERT_EQUAL(tally.twice, impair.duplicated);
	CU_ASSERT_TRUE(tally.late > 500);
	CU_ASSERT_TRUE(tally.passed >= FRAMES - impair.lost + impair.duplicated - IMPAIR_HELD);
	/* The seed decides all of it. */
	CU_ASSERT_EQUAL(pass(&config, &impair).hash, tally.hash);
	struct impair_config other = config;
	other.seed = 8;
	CU_ASSERT_NOT_EQUAL(pass(&other, &impair).hash, tally.hash);
}

static void test_unimpaired(void)
{
	const struct impair_config config = {.seed = 1};
	struct impair impair;
	struct tally tally = pass(&config, &impair);

	CU_ASSERT_FALSE(impair_is_active(&impair));
	CU_ASSERT_EQUAL(tally.passed, FRAMES);
	CU_ASSERT_EQUAL(tally.twice + tally.late, 0);
}

/* Floods */

static struct flood flood;

static void start_flood(enum flood_kind kind, const char *from, const char *to)
{
	const char *why;

	flood = (struct flood){.kind = kind,
			       .running = true,
			       .rate_pps = 1000,
			       .pool = data_pool,
			       .random = 1,
			       .to.port = 1935};
	CU_ASSERT_EQUAL(address_parse(from, &flood.from, &why), 0);
	CU_ASSERT_EQUAL(address_parse(to, &flood.to.addr, &why), 0);
}

/* Ones' complement sum in network byte order (RFC 1071), from `start` on. */
static uint32_t sum(const uint8_t *bytes, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i < len; i++) {
		start += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	}
	start = (start & 0xffff) + (start >> 16);
	return (start & 0xffff) + (start >> 16);
}

static const struct rte_tcp_hdr *check_segment(const struct rte_mbuf *m, bool v4, uint8_t flags)
{
	const void *ip = rte_pktmbuf_mtod(m, const void *);
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(
		m, const void *, v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr));

	CU_ASSERT_EQUAL(tcp->tcp_flags, flags);
	CU_ASSERT_EQUAL(tcp->dst_port, RTE_BE16(1935));
	uint32_t addresses = v4 ? 8 : 32;
	const uint8_t *from = (const uint8_t *)(const void *)tcp - addresses;
	uint32_t len = (uint32_t)(m->data_len - (from + addresses - (const uint8_t *)ip));
	CU_ASSERT_EQUAL(sum(from, addresses + len, IPPROTO_TCP + len), 0xffff);
	CU_ASSERT_TRUE(!v4 || rte_raw_cksum(ip, sizeof(struct rte_ipv4_hdr)) == 0xffff);
	return tcp;
}

static void test_flood_segments(void)
{
	static const uint8_t flags[] = {0,
					RTE_TCP_SYN_FLAG,
					RTE_TCP_ACK_FLAG,
					RTE_TCP_RST_FLAG,
					RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG,
					RTE_TCP_ACK_FLAG};

	for (uint32_t i = 0; i < 10; i++) {
		enum flood_kind kind = (enum flood_kind)(FLOOD_SYN + i / 2);
		bool v4 = i % 2 == 0;
		struct rte_mbuf *packets[100];

		start_flood(kind, v4 ? "198.18.0.1" : "fd00:198:18::1",
			    v4 ? "198.18.0.2" : "fd00:198:18::2");
		CU_ASSERT_EQUAL(flood_make(&flood, packets, 100, 1000), 0);
		uint32_t count = flood_make(&flood, packets, 100, 51000);
		CU_ASSERT_EQUAL(count, 50);
		for (uint32_t p = 0; p < count; p++) {
			const struct rte_tcp_hdr *tcp = check_segment(packets[p], v4, flags[kind]);
			uint16_t port = rte_be_to_cpu_16(tcp->src_port);
			CU_ASSERT_EQUAL(port >= 32768, kind == FLOOD_RST);
		}
		rte_pktmbuf_free_bulk(packets, count);
	}
	check_pools_full();
}

/* Addresses of a prefix: the prefix stays, each is drawn anew. */
static void test_flood_sources(void)
{
	struct rte_mbuf *packets[100];
	uint32_t different = 0;

	start_flood(FLOOD_ACK, "198.19.32.0", "198.18.0.2");
	flood.from_bits = 96 + 20;
	CU_ASSERT_EQUAL(flood_make(&flood, packets, 100, 1000), 0);
	uint32_t count = flood_make(&flood, packets, 100, 91000);
	CU_ASSERT_EQUAL(count, 90);
	for (uint32_t p = 0; p < count; p++) {
		const struct rte_ipv4_hdr *ip =
			rte_pktmbuf_mtod(packets[p], const struct rte_ipv4_hdr *);
		uint32_t from = rte_be_to_cpu_32(ip->src_addr);
		(void)check_segment(packets[p], true, RTE_TCP_ACK_FLAG);
		CU_ASSERT_EQUAL(from & 0xfffff000, 0xc6132000);
		different |= from;
	}
	CU_ASSERT_EQUAL(different & 0xfff, 0xfff);
	rte_pktmbuf_free_bulk(packets, count);
	/* In the name of two connections. */
	flood.live = true;
	flood.live_count = 2;
	flood.live_ends[0] = (struct endpoint){.addr = flood.from, .port = 40000};
	flood.live_ends[1] = (struct endpoint){.addr = flood.from, .port = 50000};
	count = flood_make(&flood, packets, 100, 181000);
	for (uint32_t p = 0; p < count; p++) {
		const struct rte_tcp_hdr *tcp = check_segment(packets[p], true, RTE_TCP_ACK_FLAG);
		uint16_t port = rte_be_to_cpu_16(tcp->src_port);
		CU_ASSERT_TRUE(port == 40000 || port == 50000);
	}
	rte_pktmbuf_free_bulk(packets, count);
	check_pools_full();
}

static void check_asker(const struct rte_ether_hdr *ether, const struct rte_ether_addr *mac)
{
	CU_ASSERT_TRUE(rte_is_same_ether_addr(&ether->src_addr, mac));
	CU_ASSERT_TRUE(rte_is_valid_assigned_ether_addr(mac));
	CU_ASSERT_TRUE(rte_is_local_admin_ether_addr(mac));
}

static uint32_t ask_all(struct rte_mbuf **frames, uint8_t from_bits)
{
	flood.from_bits = from_bits;
	flood.target = flood.to.addr;
	CU_ASSERT_TRUE(flood_is_frames(&flood));
	CU_ASSERT_EQUAL(flood_make(&flood, frames, 100, 1000), 0);
	return flood_make(&flood, frames, 100, 91000);
}

/* Whole frames, each from another neighbour of the prefix. */
static void test_flood_arp(void)
{
	struct rte_mbuf *frames[100];
	uint32_t different = 0;

	start_flood(FLOOD_NEIGHBOUR, "198.18.0.64", "198.18.0.2");
	uint32_t count = ask_all(frames, 96 + 26);
	CU_ASSERT_EQUAL(count, 90);
	for (uint32_t i = 0; i < count; i++) {
		const struct rte_ether_hdr *ether =
			rte_pktmbuf_mtod(frames[i], const struct rte_ether_hdr *);
		const struct rte_arp_hdr *arp = (const void *)(ether + 1);

		CU_ASSERT_EQUAL(frames[i]->data_len, sizeof(*ether) + sizeof(*arp));
		CU_ASSERT_TRUE(rte_is_broadcast_ether_addr(&ether->dst_addr));
		CU_ASSERT_EQUAL(ether->ether_type, RTE_BE16(RTE_ETHER_TYPE_ARP));
		CU_ASSERT_EQUAL(arp->arp_opcode, RTE_BE16(RTE_ARP_OP_REQUEST));
		CU_ASSERT_EQUAL(arp->arp_data.arp_tip, RTE_BE32(0xc6120002));
		CU_ASSERT_EQUAL(arp->arp_data.arp_sip & RTE_BE32(0xffffffc0), RTE_BE32(0xc6120040));
		check_asker(ether, &arp->arp_data.arp_sha);
		different |= rte_be_to_cpu_32(arp->arp_data.arp_sip);
	}
	CU_ASSERT_EQUAL(different & 0x3f, 0x3f);
	rte_pktmbuf_free_bulk(frames, count);
	check_pools_full();
}

static void test_flood_ndp(void)
{
	static const uint8_t group[] = {0x33, 0x33, 0xff, 0, 0, 2};
	struct rte_mbuf *frames[100];

	start_flood(FLOOD_NEIGHBOUR, "fe80::", "fe80::ff:fe00:2");
	uint32_t count = ask_all(frames, 64);
	CU_ASSERT_EQUAL(count, 90);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *bytes = rte_pktmbuf_mtod(frames[i], const uint8_t *);
		const uint8_t *ip = bytes + RTE_ETHER_HDR_LEN;
		const uint8_t *message = ip + sizeof(struct rte_ipv6_hdr);

		CU_ASSERT_EQUAL(frames[i]->data_len, RTE_ETHER_HDR_LEN + 40 + 32);
		CU_ASSERT_EQUAL(memcmp(bytes, group, sizeof(group)), 0);
		CU_ASSERT_EQUAL(ip[7], 255);
		CU_ASSERT_EQUAL(message[0], 135);
		CU_ASSERT_EQUAL(memcmp(message + 8, &flood.target, 16), 0);
		CU_ASSERT_EQUAL(memcmp(ip + 8, &flood.from, 8), 0);
		CU_ASSERT_EQUAL(sum(ip + 8, 32 + 32, IPPROTO_ICMPV6 + 32), 0xffff);
		check_asker((const void *)bytes, (const void *)(message + 26));
	}
	rte_pktmbuf_free_bulk(frames, count);
	check_pools_full();
}

/* As the server would: source and destination change places. */
static void test_flood_answers(void)
{
	struct rte_mbuf *packets[1];

	start_flood(FLOOD_SYN, "198.18.0.1", "198.18.0.2");
	CU_ASSERT_EQUAL(flood_make(&flood, packets, 1, 1), 0);
	CU_ASSERT_EQUAL_FATAL(flood_make(&flood, packets, 1, 2000), 1);
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(packets[0], struct rte_tcp_hdr *,
							  sizeof(struct rte_ipv4_hdr));
	tcp->dst_port = tcp->src_port;
	CU_ASSERT_TRUE(flood_is_answer(&flood, packets[0]));
	tcp->dst_port = RTE_BE16(40000);
	CU_ASSERT_FALSE(flood_is_answer(&flood, packets[0]));
	tcp->dst_port = RTE_BE16(2000);
	flood.kind = FLOOD_NONE;
	CU_ASSERT_FALSE(flood_is_answer(&flood, packets[0]));
	rte_pktmbuf_free(packets[0]);
}

/* The server's answer to what an intruder said. */
static void answer_intruder(struct rte_mbuf *m, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct rte_tcp_hdr *tcp =
		rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, sizeof(struct rte_ipv4_hdr));

	tcp->dst_port = tcp->src_port;
	tcp->src_port = RTE_BE16(1935);
	tcp->tcp_flags = flags;
	tcp->sent_seq = rte_cpu_to_be_32(seq);
	tcp->recv_ack = rte_cpu_to_be_32(ack);
	CU_ASSERT_TRUE(flood_is_answer(&flood, m));
	rte_pktmbuf_free(m);
}

static const struct rte_tcp_hdr *next_intruder(struct rte_mbuf **m, uint64_t now_us, uint8_t flags)
{
	*m = intruder_make(&flood.intruders, now_us);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*m);
	assert(*m != NULL);
	return check_segment(*m, true, flags);
}

/* Handshake, segments of each kind, a reset, and back from another port. */
static void test_intruders(void)
{
	static const uint32_t steps[][2] = {{1, 1}, {200, 400}, {0, 1}, {1, 1}};

	for (uint32_t kind = FLOOD_BYTES; kind < FLOOD_KIND_COUNT; kind++) {
		struct rte_mbuf *m;

		start_flood((enum flood_kind)kind, "198.18.0.1", "198.18.0.2");
		flood.intruders = (struct intruders){
			.kind = flood_intruder_kind(flood.kind),
			.pool = data_pool,
			.from.addr = flood.from,
			.to = flood.to,
			.random = 7,
		};
		const struct rte_tcp_hdr *tcp = next_intruder(&m, 1, RTE_TCP_SYN_FLAG);
		uint32_t first = rte_be_to_cpu_32(tcp->sent_seq) + 1;
		uint16_t port = rte_be_to_cpu_16(tcp->src_port);
		answer_intruder(m, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, 5000, first);
		CU_ASSERT_EQUAL(flood.intruders.opened, 1);
		for (uint32_t i = 0; i < 3; i++) {
			/* The others have sent their SYNs. */
			flood.intruders.turn = 0;
			tcp = next_intruder(&m, 1, RTE_TCP_ACK_FLAG);
			uint32_t seq = rte_be_to_cpu_32(tcp->sent_seq) - first;
			CU_ASSERT_EQUAL(rte_be_to_cpu_32(tcp->recv_ack), 5001);
			CU_ASSERT_EQUAL(m->data_len, 40 + steps[kind - FLOOD_BYTES][1]);
			CU_ASSERT_EQUAL(tcp->rx_win == RTE_BE16(1), kind == FLOOD_WINDOW);
			if (kind == FLOOD_GAPS) {
				CU_ASSERT_TRUE(seq >= 2 && seq < 65535);
			} else {
				CU_ASSERT_EQUAL(*((const uint8_t *)(tcp + 1)), i == 0 ? 3 : 0);
				CU_ASSERT_EQUAL(seq, i * steps[kind - FLOOD_BYTES][0]);
			}
			rte_pktmbuf_free(m);
		}
		flood.intruders.turn = 0;
		(void)next_intruder(&m, 1, RTE_TCP_ACK_FLAG);
		answer_intruder(m, RTE_TCP_RST_FLAG, 5001, 0);
		flood.intruders.turn = 0;
		tcp = next_intruder(&m, 2, RTE_TCP_SYN_FLAG);
		CU_ASSERT_NOT_EQUAL(rte_be_to_cpu_16(tcp->src_port), port);
		rte_pktmbuf_free(m);
	}
	check_pools_full();
}

/* A rate, not a backlog: after a pause it goes on as before. */
static void test_flood_rate(void)
{
	struct rte_mbuf *packets[64];
	uint32_t total = 0;

	start_flood(FLOOD_GARBAGE, "198.18.0.1", "198.18.0.2");
	flood.running = false;
	CU_ASSERT_EQUAL(flood_make(&flood, packets, 64, 1), 0);
	CU_ASSERT_EQUAL(flood_make(&flood, packets, 64, 1000000), 0);
	flood.running = true;
	for (uint64_t now_us = 1; now_us < 2000000; now_us += 500) {
		uint32_t count = flood_make(&flood, packets, 64, now_us);
		rte_pktmbuf_free_bulk(packets, count);
		total += count;
	}
	CU_ASSERT_TRUE(total >= 1998 && total <= 2000);
	for (uint64_t now_us = 60000000; now_us < 61000000; now_us += 500) {
		uint32_t count = flood_make(&flood, packets, 64, now_us);
		rte_pktmbuf_free_bulk(packets, count);
		total += count;
	}
	CU_ASSERT_TRUE(total >= 2990 && total <= 3000 + 64);
	check_pools_full();
	enum flood_kind kind;
	CU_ASSERT_EQUAL(flood_kind_parse("rst", &kind), 0);
	CU_ASSERT_EQUAL(kind, FLOOD_RST);
	CU_ASSERT_EQUAL(flood_kind_parse("none", &kind), -1);
	CU_ASSERT_EQUAL(flood_kind_parse("", &kind), -1);
}

int main(void)
{
	test_eal_start();
	data_pool = rte_pktmbuf_pool_create("data", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	slice_pool = rte_pktmbuf_pool_create("slice", MBUFS, 0, 0, 0, -1);
	if (data_pool == NULL || slice_pool == NULL || CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("gen-link", NULL, NULL);
	CU_ADD_TEST(suite, test_chains);
	CU_ADD_TEST(suite, test_many_references);
	CU_ADD_TEST(suite, test_chain_without_mbufs);
	CU_ADD_TEST(suite, test_impairment);
	CU_ADD_TEST(suite, test_unimpaired);
	CU_ADD_TEST(suite, test_flood_segments);
	CU_ADD_TEST(suite, test_flood_sources);
	CU_ADD_TEST(suite, test_flood_arp);
	CU_ADD_TEST(suite, test_flood_ndp);
	CU_ADD_TEST(suite, test_flood_answers);
	CU_ADD_TEST(suite, test_intruders);
	CU_ADD_TEST(suite, test_flood_rate);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
