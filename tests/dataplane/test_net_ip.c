/*
 * What comes in front of TCP or instead of it: ICMP errors, fragments, extension headers, and more
 * requests than are answered.
 */
#include "dataplane/net/ip.h"
#include "test_net.h"

#include <rte_arp.h>
#include <rte_ip.h>

static struct tcp_icmp told;
static uint8_t told_byte; /* the first that is quoted */
static uint32_t told_count;
static bool known; /* what TCP says to an error */

static bool on_error(void *app, const struct tcp_icmp *error)
{
	CU_ASSERT_PTR_EQUAL(app, &net);
	told = *error;
	told_byte = error->quoted_len > 0 ? error->quoted[0] : 0;
	told_count++;
	return known;
}

static void open_net(void)
{
	struct config_prefix addresses[] = {
		{.addr = addr("198.18.0.2"), .length = 96 + 24},
		{.addr = addr("fd00:198:18::2"), .length = 64},
	};
	const struct config_port config = {.addresses = addresses, .addresses_count = 2};

	start_net(&config);
	net.icmp_error = on_error;
	net.app = &net;
	told_count = 0;
	known = true;
}

static void forget_frames(void)
{
	rte_pktmbuf_free_bulk(net.frames, net.frames_count);
	net.frames_count = 0;
}

static struct rte_mbuf *frame_of(uint16_t type, const void *header, uint32_t header_len,
				 const void *payload, uint32_t length)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	struct rte_ether_hdr *ether = (void *)rte_pktmbuf_append(m, sizeof(*ether));

	ether->dst_addr = our_mac;
	ether->src_addr = peer_mac;
	ether->ether_type = rte_cpu_to_be_16(type);
	memcpy(rte_pktmbuf_append(m, (uint16_t)header_len), header, header_len);
	memcpy(rte_pktmbuf_append(m, (uint16_t)length), payload, length);
	return m;
}

static struct rte_mbuf *v4_frame(uint8_t protocol, uint16_t fragment, const void *payload,
				 uint32_t length)
{
	struct rte_ipv4_hdr ip = {.version_ihl = 0x45,
				  .total_length = rte_cpu_to_be_16((uint16_t)(20 + length)),
				  .fragment_offset = rte_cpu_to_be_16(fragment),
				  .time_to_live = 64,
				  .next_proto_id = protocol};

	(void)inet_pton(AF_INET, "198.18.0.1", &ip.src_addr);
	(void)inet_pton(AF_INET, "198.18.0.2", &ip.dst_addr);
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	return frame_of(RTE_ETHER_TYPE_IPV4, &ip, sizeof(ip), payload, length);
}

/* `first`: the protocol that the fixed header names; `payload` begins with its header. */
static struct rte_mbuf *v6_frame(uint8_t first, const void *payload, uint32_t length)
{
	struct in6_addr from = addr("fd00:198:18::1");
	struct in6_addr to = addr("fd00:198:18::2");
	struct rte_ipv6_hdr ip = {.vtc_flow = RTE_BE32(0x60000000),
				  .payload_len = rte_cpu_to_be_16((uint16_t)length),
				  .proto = first,
				  .hop_limits = 64};

	memcpy(ip.src_addr, &from, 16);
	memcpy(ip.dst_addr, &to, 16);
	return frame_of(RTE_ETHER_TYPE_IPV6, &ip, sizeof(ip), payload, length);
}

/* An error that quotes a packet of one byte: 'q'. */
static struct rte_mbuf *error_frame(uint8_t type, uint8_t code, uint16_t mtu)
{
	uint8_t icmp[9] = {type, code, 0, 0, 0, 0, (uint8_t)(mtu >> 8), (uint8_t)mtu, 'q'};
	uint16_t sum = (uint16_t)~rte_raw_cksum(icmp, sizeof(icmp));

	memcpy(icmp + 2, &sum, 2);
	return v4_frame(IPPROTO_ICMP, 0, icmp, sizeof(icmp));
}

static struct rte_mbuf *error6_frame(uint8_t type, uint8_t code, uint32_t mtu)
{
	uint8_t icmp[9] = {type, code, 0, 0, 0, 0, 0, 0, 'q'};
	struct rte_mbuf *m;

	mtu = rte_cpu_to_be_32(mtu);
	memcpy(icmp + 4, &mtu, 4);
	m = v6_frame(IPPROTO_ICMPV6, icmp, sizeof(icmp));
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, 14);
	uint16_t sum = rte_ipv6_udptcp_cksum(ip, ip + 1);
	memcpy((uint8_t *)(ip + 1) + 2, &sum, 2);
	return m;
}

static void expect_told(struct rte_mbuf *frame, enum tcp_icmp_kind kind, uint32_t mtu)
{
	uint32_t before = told_count;

	CU_ASSERT_EQUAL(input(frame), NET_DONE);
	CU_ASSERT_EQUAL(told_count, before + 1);
	CU_ASSERT_EQUAL(told.kind, kind);
	CU_ASSERT_EQUAL(told.mtu, mtu);
	CU_ASSERT_EQUAL(told.quoted_len, 1);
	CU_ASSERT_EQUAL(told_byte, 'q');
}

static void errors_are_told(void)
{
	open_net();
	expect_told(error_frame(3, 4, 1400), TCP_ICMP_TOO_BIG, 1400);
	expect_told(error_frame(3, 2, 9), TCP_ICMP_HARD, 0);
	expect_told(error_frame(3, 3, 9), TCP_ICMP_HARD, 0);
	expect_told(error_frame(3, 0, 9), TCP_ICMP_SOFT, 0);
	expect_told(error_frame(3, 13, 9), TCP_ICMP_SOFT, 0);
	expect_told(error_frame(11, 0, 9), TCP_ICMP_SOFT, 0);
	expect_told(error_frame(12, 0, 9), TCP_ICMP_SOFT, 0);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_icmp_errors), 7);
	/* RFC 6633: a source quench is none. */
	CU_ASSERT_EQUAL(input(error_frame(4, 0, 0)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_icmp_other), 1);
	close_net();
}

static void errors6_are_told(void)
{
	open_net();
	expect_told(error6_frame(2, 0, 1280), TCP_ICMP_TOO_BIG, 1280);
	expect_told(error6_frame(2, 0, 70000), TCP_ICMP_TOO_BIG, 70000);
	expect_told(error6_frame(1, 4, 0), TCP_ICMP_HARD, 0);
	expect_told(error6_frame(1, 1, 0), TCP_ICMP_SOFT, 0);
	expect_told(error6_frame(3, 0, 0), TCP_ICMP_SOFT, 0);
	expect_told(error6_frame(4, 0, 0), TCP_ICMP_SOFT, 0);
	expect_told(error6_frame(4, 1, 0), TCP_ICMP_HARD, 0);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_icmp_errors), 7);
	close_net();
}

static void damaged_errors_are_dropped(void)
{
	open_net();
	struct rte_mbuf *m = error_frame(3, 4, 1400);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len - 1) ^= 1;
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	m = error6_frame(2, 0, 1400);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len - 1) ^= 1;
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_malformed), 2);
	CU_ASSERT_EQUAL(told_count, 0);
	close_net();
}

/* A worker that does not know the connection has the others asked, with the frame as it came. */
static void unknown_errors_are_taught(void)
{
	open_net();
	known = false;
	for (int v6 = 0; v6 < 2; v6++) {
		struct rte_mbuf *m = v6 ? error6_frame(2, 0, 1400) : error_frame(3, 4, 1400);
		uint32_t length = m->pkt_len;

		told_count = 0;
		CU_ASSERT_EQUAL_FATAL(net_input(&net, m), NET_TEACH);
		CU_ASSERT_EQUAL(m->pkt_len, length);
		CU_ASSERT_EQUAL(told_count, 1);
		net_learn(&net, m);
		CU_ASSERT_EQUAL(told_count, 2);
		CU_ASSERT_EQUAL(told.mtu, 1400);
		CU_ASSERT_EQUAL(told_byte, 'q');
	}
	close_net();
}

static void errors_are_limited(void)
{
	open_net();
	for (uint32_t i = 0; i < NET_LIMIT + 7; i++) {
		(void)input(error_frame(3, 4, 1400));
	}
	CU_ASSERT_EQUAL(told_count, NET_LIMIT);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_limit_icmp_errors), 7);
	net_begin(&net, 2000000);
	(void)input(error_frame(3, 4, 1400));
	CU_ASSERT_EQUAL(told_count, NET_LIMIT + 1);
	close_net();
}

static struct rte_mbuf *echo_frame(void)
{
	uint8_t icmp[8] = {8, 0, 0, 0, 1, 2, 3, 4};
	uint16_t sum = (uint16_t)~rte_raw_cksum(icmp, sizeof(icmp));

	memcpy(icmp + 2, &sum, 2);
	return v4_frame(IPPROTO_ICMP, 0, icmp, sizeof(icmp));
}

static struct rte_mbuf *arp_frame(const char *sender)
{
	struct rte_arp_hdr arp = {.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
				  .arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
				  .arp_hlen = 6,
				  .arp_plen = 4,
				  .arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
				  .arp_data.arp_sha = peer_mac};

	(void)inet_pton(AF_INET, sender, &arp.arp_data.arp_sip);
	(void)inet_pton(AF_INET, "198.18.0.2", &arp.arp_data.arp_tip);
	return frame_of(RTE_ETHER_TYPE_ARP, &arp, sizeof(arp), "", 0);
}

/* Each kind has its own limit: a flood of one does not silence the other. */
static void answers_are_limited(void)
{
	open_net();
	for (uint32_t i = 0; i < NET_LIMIT + 5; i++) {
		(void)input(echo_frame());
		forget_frames();
	}
	CU_ASSERT_EQUAL(counted(DP_COUNTER_icmp_echoes), NET_LIMIT);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_limit_echoes), 5);
	for (uint32_t i = 0; i < NET_LIMIT + 3; i++) {
		(void)input(arp_frame("198.18.0.1"));
		forget_frames();
	}
	CU_ASSERT_EQUAL(counted(DP_COUNTER_arp_requests), NET_LIMIT);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_limit_neighbours), 3);
	close_net();
}

/* Strangers who use up the limit do not silence us towards those that we send to. */
static void storms_do_not_silence_us(void)
{
	open_net();
	net_begin(&net, 5000000);
	(void)input(echo_frame());
	(void)input(arp_frame("198.18.0.1"));
	forget_frames();
	CU_ASSERT_EQUAL(counted(DP_COUNTER_arp_requests), 1);
	for (uint32_t i = 0; i < NET_LIMIT + 3; i++) {
		(void)input(arp_frame("198.18.0.77"));
		forget_frames();
	}
	CU_ASSERT_EQUAL(counted(DP_COUNTER_arp_requests), NET_LIMIT + 1);
	(void)input(arp_frame("198.18.0.1"));
	forget_frames();
	CU_ASSERT_EQUAL(counted(DP_COUNTER_arp_requests), NET_LIMIT + 2);
	close_net();
}

/* TCP over IPv4 looks itself; all others are refused here. */
static void fragments_are_refused(void)
{
	uint8_t payload[32] = {0};

	open_net();
	CU_ASSERT_EQUAL(input(v4_frame(IPPROTO_ICMP, RTE_IPV4_HDR_MF_FLAG, payload, 32)), NET_DONE);
	CU_ASSERT_EQUAL(input(v4_frame(IPPROTO_ICMP, 1, payload, 32)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_fragment), 2);
	CU_ASSERT_EQUAL(input(v4_frame(IPPROTO_TCP, 1, payload, 32)), NET_TCP);
	payload[0] = IPPROTO_TCP;
	CU_ASSERT_EQUAL(input(v6_frame(IPPROTO_FRAGMENT, payload, 32)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_fragment), 3);
	close_net();
}

/* `count` empty options headers, then TCP. */
static struct rte_mbuf *extended(uint8_t kind, uint32_t count)
{
	uint8_t payload[8 * (NET_IPV6_EXTENSIONS + 1) + 20] = {0};

	for (uint32_t i = 0; i < count; i++) {
		payload[8 * (size_t)i] = i + 1 < count ? kind : IPPROTO_TCP;
	}
	return v6_frame(count > 0 ? kind : IPPROTO_TCP, payload, 8 * count + 20);
}

static void extensions_are_bounded(void)
{
	open_net();
	for (uint32_t i = 0; i <= NET_IPV6_EXTENSIONS; i++) {
		CU_ASSERT_EQUAL(input(extended(IPPROTO_DSTOPTS, i)), NET_TCP);
		CU_ASSERT_EQUAL(input(extended(IPPROTO_HOPOPTS, i)), NET_TCP);
	}
	CU_ASSERT_EQUAL(input(extended(IPPROTO_DSTOPTS, NET_IPV6_EXTENSIONS + 1)), NET_DONE);
	CU_ASSERT_EQUAL(input(extended(IPPROTO_ROUTING, 1)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_extension), 2);
	/* A header that says that it is longer than the packet. */
	struct rte_mbuf *m = extended(IPPROTO_DSTOPTS, 1);
	rte_pktmbuf_mtod_offset(m, uint8_t *, 14 + 40)[1] = 255;
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_extension), 3);
	close_net();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"errors are told", errors_are_told},
		{"errors over IPv6 are told", errors6_are_told},
		{"damaged errors are dropped", damaged_errors_are_dropped},
		{"unknown errors are taught", unknown_errors_are_taught},
		{"errors are limited", errors_are_limited},
		{"answers are limited", answers_are_limited},
		{"storms do not silence us", storms_do_not_silence_us},
		{"fragments are refused", fragments_are_refused},
		{"extensions are bounded", extensions_are_bounded},
		{NULL, NULL},
	};

	return run_net("net_ip", tests, 1023);
}
