#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "checksum.h"
#include "peer.h"
#include "suites.h"

/* The sum does not depend on where the packet is cut into mbufs, odd places included. */
static void test_any_cut(void)
{
	uint8_t bytes[400];
	uint16_t whole = 0;

	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(255 - i * 7);
	}
	for (uint32_t cut = 41; cut <= sizeof(bytes); cut++) {
		struct rte_mbuf *head = rte_pktmbuf_alloc(wire_payload_pool());
		struct rte_mbuf *rest = rte_pktmbuf_alloc(wire_payload_pool());

		memcpy(rte_pktmbuf_append(head, (uint16_t)cut), bytes, cut);
		memcpy(rte_pktmbuf_append(rest, (uint16_t)(sizeof(bytes) - cut)), bytes + cut,
		       sizeof(bytes) - cut);
		(void)rte_pktmbuf_chain(head, rest);
		if (cut == 41) {
			struct rte_mbuf *flat = rte_pktmbuf_alloc(wire_payload_pool());

			memcpy(rte_pktmbuf_append(flat, sizeof(bytes)), bytes, sizeof(bytes));
			whole = checksum_sum(flat, 20, false);
			rte_pktmbuf_free(flat);
		}
		CU_ASSERT_EQUAL(checksum_sum(head, 20, false), whole);
		rte_pktmbuf_free(head);
	}
}

/* Worked by hand: a SYN of 20 bytes between 192.0.2.2 and 192.0.2.1. */
static void test_known(void)
{
	static const uint8_t packet[40] = {0x45, 0,    0,    40,   0,    0,    0,   0,    64, 6,
					   0,    0,    192,  0,    2,    2,    192, 0,    2,  1,
					   0x13, 0x88, 0x07, 0x8f, 0,    0,    3,   0xe8, 0,  0,
					   0,    0,    0x50, 2,    0xff, 0xff, 0,   0,    0,  0};
	/* c000 + 0202 + c000 + 0201 + 0006 + 0014 + 1388 + 078f + 03e8 + 5002 + ffff = 2f31d */
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wire_payload_pool());

	memcpy(rte_pktmbuf_append(mbuf, sizeof(packet)), packet, sizeof(packet));
	CU_ASSERT_EQUAL(rte_be_to_cpu_16(checksum_sum(mbuf, 20, false)), 0xf31f);
	rte_pktmbuf_free(mbuf);
}

/* RFC 1071 by the letter: words of 16 bits, end-around carry, the last byte padded. */
static uint16_t reference(const uint8_t *bytes, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i += 2) {
		uint16_t word = 0;

		memcpy(&word, bytes + i, len - i < 2 ? 1 : 2);
		sum += word;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* Every length from the TCP header up, at every alignment, of random bytes and of all ones. */
static void test_reference(void)
{
	uint64_t random = 1;

	for (uint32_t len = 20; len <= 1480; len++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(wire_payload_pool());
		uint32_t shift = len % 9;
		uint8_t *ip =
			(uint8_t *)rte_pktmbuf_append(m, (uint16_t)(shift + 20 + len)) + shift;

		(void)rte_pktmbuf_adj(m, (uint16_t)shift);
		memset(ip, 0, 20); /* its addresses add nothing */
		for (uint32_t i = 20; i < 20 + len; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			ip[i] = len % 3 == 0 ? 0xff : (uint8_t)(random >> 56);
		}
		uint32_t pseudo = rte_cpu_to_be_16((uint16_t)len) + rte_cpu_to_be_16(IPPROTO_TCP);
		CU_ASSERT_EQUAL(checksum_sum(m, 20, false), reference(ip + 20, len, pseudo));
		rte_pktmbuf_free(m);
	}
}

CU_TestInfo checksum_tests[] = {{"as RFC 1071 says", test_reference},
				{"the same however it is cut", test_any_cut},
				{"a known packet", test_known},
				CU_TEST_INFO_NULL};
