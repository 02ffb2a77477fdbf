/*
 * Link and network layer: frames in, frames out.
 */
#include "test_net.h"

#include <rte_arp.h>
#include <rte_icmp.h>
#include <rte_ip.h>

static const struct rte_ether_addr gateway_mac = {{0x02, 0, 0, 0, 0, 0xfe}};
static const struct rte_ether_addr everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static uint32_t v4(const char *text)
{
	struct in6_addr a = addr(text);

	return net_addr_ipv4(&a);
}

static void open_net(void)
{
	struct config_prefix addresses[] = {
		{.addr = addr("198.18.0.2"), .length = 96 + 24},
		{.addr = addr("fd00:198:18::2"), .length = 64},
	};
	struct config_route routes[] = {
		{.to = {.addr = addr("0.0.0.0"), .length = 96}, .via = addr("198.18.0.254")},
		{.to = {.addr = addr("10.0.0.0"), .length = 96 + 8}, .via = addr("198.18.0.253")},
		{.to = {.addr = addr("::"), .length = 0}, .via = addr("fe80::fe")},
	};
	const struct config_port config = {
		.addresses = addresses,
		.addresses_count = 2,
		.routes = routes,
		.routes_count = 3,
		.mtu = 1500,
	};

	start_net(&config);
}

static struct rte_mbuf *frame_of(const struct rte_ether_addr *to, const struct rte_ether_addr *from,
				 uint16_t type, const void *payload, uint16_t length)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	struct rte_ether_hdr *ether = (void *)rte_pktmbuf_append(m, sizeof(*ether));

	ether->dst_addr = *to;
	ether->src_addr = *from;
	ether->ether_type = rte_cpu_to_be_16(type);
	memcpy(rte_pktmbuf_append(m, length), payload, length);
	return m;
}

/* The oldest frame that waits for the port. */
static struct rte_mbuf *sent(void)
{
	if (net.frames_count == 0) {
		return NULL;
	}
	struct rte_mbuf *m = net.frames[0];
	net.frames_count--;
	for (uint32_t i = 0; i < net.frames_count; i++) {
		net.frames[i] = net.frames[i + 1];
	}
	return m;
}

static struct rte_mbuf *arp(uint16_t opcode, const char *sender, const struct rte_ether_addr *mac,
			    const char *target, const struct rte_ether_addr *to)
{
	const struct rte_arp_hdr header = {
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = 6,
		.arp_plen = 4,
		.arp_opcode = rte_cpu_to_be_16(opcode),
		.arp_data = {.arp_sha = *mac, .arp_sip = v4(sender), .arp_tip = v4(target)},
	};

	return frame_of(to, mac, RTE_ETHER_TYPE_ARP, &header, sizeof(header));
}

static void arp_request_is_answered(void)
{
	open_net();
	CU_ASSERT_EQUAL(
		input(arp(RTE_ARP_OP_REQUEST, "198.18.0.1", &peer_mac, "198.18.0.2", &everybody)),
		NET_TEACH);
	struct rte_mbuf *m = sent();
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_arp_hdr *reply = (const void *)(ether + 1);
	CU_ASSERT_EQUAL(m->pkt_len, sizeof(*ether) + sizeof(*reply));
	CU_ASSERT(rte_is_same_ether_addr(&ether->dst_addr, &peer_mac));
	CU_ASSERT(rte_is_same_ether_addr(&ether->src_addr, &our_mac));
	CU_ASSERT_EQUAL(reply->arp_opcode, RTE_BE16(RTE_ARP_OP_REPLY));
	CU_ASSERT_EQUAL(reply->arp_data.arp_sip, v4("198.18.0.2"));
	CU_ASSERT_EQUAL(reply->arp_data.arp_tip, v4("198.18.0.1"));
	CU_ASSERT(rte_is_same_ether_addr(&reply->arp_data.arp_sha, &our_mac));
	rte_pktmbuf_free(m);
	/* Again: nothing new for the others. */
	CU_ASSERT_EQUAL(
		input(arp(RTE_ARP_OP_REQUEST, "198.18.0.1", &peer_mac, "198.18.0.2", &our_mac)),
		NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_arp_requests), 2);
	close_net();
}

static void arp_for_others_is_ignored(void)
{
	struct in6_addr peer = addr("198.18.0.1");

	open_net();
	CU_ASSERT_EQUAL(
		input(arp(RTE_ARP_OP_REQUEST, "198.18.0.1", &peer_mac, "198.18.0.77", &everybody)),
		NET_DONE);
	CU_ASSERT_PTR_NULL(sent());
	CU_ASSERT_PTR_NULL(net_neighbour_find(net.neighbours, &peer));
	/* Who claims our address, a group's or one from elsewhere teaches us nothing. */
	(void)input(arp(RTE_ARP_OP_REQUEST, "198.18.0.2", &peer_mac, "198.18.0.2", &everybody));
	(void)input(arp(RTE_ARP_OP_REQUEST, "224.0.0.1", &peer_mac, "198.18.0.2", &everybody));
	CU_ASSERT_PTR_NULL(sent());
	(void)input(arp(RTE_ARP_OP_REQUEST, "192.0.2.1", &peer_mac, "198.18.0.2", &everybody));
	struct in6_addr far = addr("192.0.2.1");
	CU_ASSERT_PTR_NULL(net_neighbour_find(net.neighbours, &far));
	close_net();
}

/* RFC 5227: who probes for an address that is ours must hear of it. */
static void arp_probe_is_answered(void)
{
	open_net();
	CU_ASSERT_EQUAL(
		input(arp(RTE_ARP_OP_REQUEST, "0.0.0.0", &peer_mac, "198.18.0.2", &everybody)),
		NET_DONE);
	struct rte_mbuf *m = sent();
	CU_ASSERT_PTR_NOT_NULL(m);
	rte_pktmbuf_free(m);
	close_net();
}

static void malformed_frames_are_dropped(void)
{
	const uint8_t zeroes[64] = {0};

	open_net();
	for (uint16_t length = 0; length < 28; length++) {
		CU_ASSERT_EQUAL(
			input(frame_of(&our_mac, &peer_mac, RTE_ETHER_TYPE_ARP, zeroes, length)),
			NET_DONE);
		CU_ASSERT_EQUAL(
			input(frame_of(&our_mac, &peer_mac, RTE_ETHER_TYPE_IPV4, zeroes, length)),
			NET_DONE);
		CU_ASSERT_EQUAL(
			input(frame_of(&our_mac, &peer_mac, RTE_ETHER_TYPE_IPV6, zeroes, length)),
			NET_DONE);
	}
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_malformed), 84);
	CU_ASSERT_EQUAL(input(frame_of(&our_mac, &peer_mac, 0x88cc, zeroes, 60)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_ethertype), 1);
	CU_ASSERT_EQUAL(input(frame_of(&our_mac, &peer_mac, RTE_ETHER_TYPE_QINQ, zeroes, 60)),
			NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 1);
	CU_ASSERT_EQUAL(input(frame_of(&gateway_mac, &peer_mac, RTE_ETHER_TYPE_IPV4, zeroes, 60)),
			NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_not_ours), 1);
	close_net();
}

struct v4_packet {
	struct rte_ipv4_hdr ip;
	uint8_t data[64];
};

static struct v4_packet ipv4(const char *from, const char *to, uint8_t protocol, uint16_t length)
{
	struct v4_packet packet = {
		.ip = {.version_ihl = 0x45,
		       .total_length = rte_cpu_to_be_16((uint16_t)(20 + length)),
		       .time_to_live = 64,
		       .next_proto_id = protocol,
		       .src_addr = v4(from),
		       .dst_addr = v4(to)},
	};

	packet.ip.hdr_checksum = rte_ipv4_cksum(&packet.ip);
	return packet;
}

static struct rte_mbuf *v4_frame(const struct v4_packet *packet, uint16_t length)
{
	return frame_of(&our_mac, &peer_mac, RTE_ETHER_TYPE_IPV4, packet, length);
}

static void tcp_comes_up_bare_and_trimmed(void)
{
	struct v4_packet packet = ipv4("198.18.0.1", "198.18.0.2", IPPROTO_TCP, 20);

	open_net();
	struct rte_mbuf *m = v4_frame(&packet, 46); /* six bytes of padding */
	CU_ASSERT_EQUAL_FATAL(net_input(&net, m), NET_TCP);
	CU_ASSERT_EQUAL(m->pkt_len, 40);
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod(m, uint8_t *), 0x45);
	rte_pktmbuf_free(m);
	close_net();
}

static void ipv4_lengths_are_checked(void)
{
	struct v4_packet packet = ipv4("198.18.0.1", "198.18.0.2", IPPROTO_TCP, 20);

	open_net();
	CU_ASSERT_EQUAL(input(v4_frame(&packet, 39)), NET_DONE); /* shorter than it says */
	packet.ip.total_length = RTE_BE16(19);
	CU_ASSERT_EQUAL(input(v4_frame(&packet, 60)), NET_DONE);
	packet.ip.total_length = RTE_BE16(40);
	packet.ip.version_ihl = 0x44;
	CU_ASSERT_EQUAL(input(v4_frame(&packet, 60)), NET_DONE);
	packet.ip.version_ihl = 0x4f; /* header of 60 in a packet of 40 */
	CU_ASSERT_EQUAL(input(v4_frame(&packet, 60)), NET_DONE);
	packet.ip.version_ihl = 0x65;
	CU_ASSERT_EQUAL(input(v4_frame(&packet, 60)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_malformed), 5);
	packet = ipv4("198.18.0.1", "198.18.0.3", IPPROTO_TCP, 20);
	CU_ASSERT_EQUAL(input(v4_frame(&packet, 60)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_not_ours), 1);
	packet = ipv4("198.18.0.1", "198.18.0.2", IPPROTO_UDP, 20);
	CU_ASSERT_EQUAL(input(v4_frame(&packet, 60)), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_protocol), 1);
	close_net();
}

static struct rte_mbuf *echo(const char *from)
{
	struct v4_packet packet = ipv4(from, "198.18.0.2", IPPROTO_ICMP, 40);
	struct rte_icmp_hdr *icmp = (void *)packet.data;

	icmp->icmp_type = RTE_IP_ICMP_ECHO_REQUEST;
	icmp->icmp_ident = RTE_BE16(0x1234);
	memcpy(icmp + 1, "every byte comes back as it was", 32);
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, 40);
	return v4_frame(&packet, 60);
}

/* The answer needs a neighbour: a question goes out, the answer waits for it. */
static void echo_waits_for_the_neighbour(void)
{
	open_net();
	CU_ASSERT_EQUAL(input(echo("198.18.0.1")), NET_DONE);
	struct rte_mbuf *m = sent();
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	CU_ASSERT_EQUAL(ether->ether_type, RTE_BE16(RTE_ETHER_TYPE_ARP));
	CU_ASSERT(rte_is_same_ether_addr(&ether->dst_addr, &everybody));
	const struct rte_arp_hdr *question = (const void *)(ether + 1);
	CU_ASSERT_EQUAL(question->arp_data.arp_tip, v4("198.18.0.1"));
	CU_ASSERT_EQUAL(question->arp_data.arp_sip, v4("198.18.0.2"));
	rte_pktmbuf_free(m);
	CU_ASSERT_PTR_NULL(sent());
	CU_ASSERT_EQUAL(
		input(arp(RTE_ARP_OP_REPLY, "198.18.0.1", &peer_mac, "198.18.0.2", &our_mac)),
		NET_TEACH);
	m = sent();
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	CU_ASSERT(rte_is_same_ether_addr(&ether->dst_addr, &peer_mac));
	const struct rte_ipv4_hdr *ip = (const void *)(ether + 1);
	CU_ASSERT_EQUAL(rte_raw_cksum(ip, 20), 0xffff);
	CU_ASSERT_EQUAL(ip->dst_addr, v4("198.18.0.1"));
	CU_ASSERT_EQUAL(rte_raw_cksum(ip + 1, 40), 0xffff);
	CU_ASSERT_EQUAL(*(const uint8_t *)(ip + 1), RTE_IP_ICMP_ECHO_REPLY);
	CU_ASSERT_EQUAL(memcmp((const uint8_t *)(ip + 1) + 8, "every byte", 10), 0);
	rte_pktmbuf_free(m);
	close_net();
}

static void echo_with_a_wrong_checksum_is_dropped(void)
{
	open_net();
	struct rte_mbuf *m = echo("198.18.0.1");
	rte_pktmbuf_mtod(m, uint8_t *)[50] ^= 1;
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	m = echo("198.18.0.1");
	rte_pktmbuf_mtod(m, uint8_t *)[14 + 8] ^= 1; /* TTL: IP header checksum */
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_malformed), 2);
	/* A broadcast source would make us send to everybody. */
	CU_ASSERT_EQUAL(input(echo("255.255.255.255")), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_icmp_other), 1);
	CU_ASSERT_PTR_NULL(sent());
	close_net();
}

/* RFC 1122 3.3.6: who sends to all on the link cannot have us answer for one address. */
static void unicast_in_a_group_frame_is_dropped(void)
{
	struct v4_packet packet = ipv4("198.18.0.1", "198.18.0.2", IPPROTO_TCP, 20);

	open_net();
	CU_ASSERT_EQUAL(input(frame_of(&everybody, &peer_mac, RTE_ETHER_TYPE_IPV4, &packet, 40)),
			NET_DONE);
	struct rte_mbuf *m = echo("198.18.0.1");
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = everybody;
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	CU_ASSERT_PTR_NULL(sent());
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_not_ours), 2);
	close_net();
}

/* Neither from our own address nor with options, which would come back as they are. */
static void odd_echoes_are_not_answered(void)
{
	open_net();
	CU_ASSERT_EQUAL(input(echo("198.18.0.2")), NET_DONE);
	struct rte_mbuf *m = echo("198.18.0.1");
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
	memmove((uint8_t *)(ip + 1) + 4, ip + 1, 36);
	memcpy(ip + 1, "\x01\x01\x01", 4); /* NOP, NOP, NOP, end */
	ip->version_ihl = 0x46;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, 24);
	struct rte_icmp_hdr *icmp = (void *)((uint8_t *)ip + 24);
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, 36);
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	CU_ASSERT_PTR_NULL(sent());
	CU_ASSERT_EQUAL(counted(DP_COUNTER_icmp_other), 2);
	close_net();
}

/* Whom is asked for the way to `to`? */
static void asked_for(const char *to, const char *hop)
{
	struct v4_packet packet = ipv4("198.18.0.2", to, IPPROTO_TCP, 20);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	memcpy(rte_pktmbuf_append(m, 40), &packet, 40);
	net_output(&net, &m, 1);
	m = sent();
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	const struct rte_arp_hdr *question =
		rte_pktmbuf_mtod_offset(m, const struct rte_arp_hdr *, RTE_ETHER_HDR_LEN);
	CU_ASSERT_EQUAL(question->arp_data.arp_tip, v4(hop));
	rte_pktmbuf_free(m);
}

static void the_longest_route_wins(void)
{
	open_net();
	asked_for("198.18.0.9", "198.18.0.9");
	asked_for("192.0.2.1", "198.18.0.254");
	asked_for("10.1.2.3", "198.18.0.253");
	close_net();
}

static void count_one(void *app, const struct rte_mbuf *frame)
{
	CU_ASSERT_PTR_NOT_NULL(frame);
	++*(uint32_t *)app;
}

/* All that net_walk() shows. */
static uint32_t waiting(void)
{
	uint32_t count = 0;

	net_walk(&net, count_one, &count);
	return count;
}

static void without_an_answer_packets_are_dropped(void)
{
	open_net();
	CU_ASSERT_EQUAL(input(echo("198.18.0.1")), NET_DONE);
	CU_ASSERT_EQUAL(waiting(), 2); /* the answer, and the question for its neighbour */
	for (uint64_t ms = 100; ms < 4000; ms += 100) {
		net_begin(&net, 1000000 + ms * 1000);
		net_timers(&net);
	}
	uint32_t questions = net.frames_count;
	CU_ASSERT_EQUAL(questions, NET_NEIGHBOUR_TRIES);
	CU_ASSERT_EQUAL(waiting(), questions);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_no_neighbour), 1);
	close_net();
}

struct v6_packet {
	struct rte_ipv6_hdr ip;
	uint8_t data[128];
};

static struct rte_mbuf *v6_frame(const char *from, const char *to, uint8_t hops, const void *icmp,
				 uint16_t length)
{
	struct in6_addr src = addr(from);
	struct in6_addr dst = addr(to);
	struct v6_packet packet = {
		.ip = {.vtc_flow = RTE_BE32(0x60000000),
		       .payload_len = rte_cpu_to_be_16(length),
		       .proto = IPPROTO_ICMPV6,
		       .hop_limits = hops},
	};

	memcpy(packet.ip.src_addr, &src, 16);
	memcpy(packet.ip.dst_addr, &dst, 16);
	memcpy(packet.data, icmp, length);
	uint16_t sum = rte_ipv6_udptcp_cksum(&packet.ip, packet.data);
	memcpy(packet.data + 2, &sum, 2);
	struct rte_ether_addr mac = our_mac;
	if (dst.s6_addr[0] == 0xff) {
		mac = net_addr_multicast_mac(&dst);
	}
	return frame_of(&mac, &peer_mac, RTE_ETHER_TYPE_IPV6, &packet, (uint16_t)(40 + length));
}

/* A solicitation or advertisement with one link-address option. */
static struct rte_mbuf *ndp(uint8_t type, uint8_t flags, const char *from, const char *to,
			    const char *target, uint8_t option, uint8_t hops)
{
	struct in6_addr t = addr(target);
	uint8_t icmp[32] = {type, 0, 0, 0, flags};

	memcpy(icmp + 8, &t, 16);
	icmp[24] = option;
	icmp[25] = 1;
	memcpy(icmp + 26, &peer_mac, 6);
	return v6_frame(from, to, hops, icmp, option != 0 ? 32 : 24);
}

/* Whether the ICMPv6 checksum of a packet is wrong. */
static bool wrong6(const struct rte_ipv6_hdr *ip)
{
	struct rte_ipv6_hdr copy = *ip;
	uint16_t length = rte_be_to_cpu_16(ip->payload_len);
	uint32_t sum = rte_ipv6_phdr_cksum(&copy, 0);

	sum += rte_raw_cksum(ip + 1, length);
	return (sum & 0xffff) + (sum >> 16) != 0xffff;
}

static void solicitation_is_answered(void)
{
	open_net();
	CU_ASSERT_EQUAL(
		input(ndp(135, 0, "fd00:198:18::1", "ff02::1:ff00:2", "fd00:198:18::2", 1, 255)),
		NET_TEACH);
	struct rte_mbuf *m = sent();
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(m->pkt_len, 14 + 40 + 32);
	const struct rte_ipv6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);
	const uint8_t *icmp = (const uint8_t *)(ip + 1);
	struct in6_addr us = addr("fd00:198:18::2");
	CU_ASSERT_EQUAL(ip->hop_limits, 255);
	CU_ASSERT_EQUAL(icmp[0], 136);
	CU_ASSERT_EQUAL(icmp[4], 0x60); /* solicited, override */
	CU_ASSERT_EQUAL(memcmp(icmp + 8, &us, 16), 0);
	CU_ASSERT_EQUAL(icmp[24], 2);
	CU_ASSERT_EQUAL(memcmp(icmp + 26, &our_mac, 6), 0);
	CU_ASSERT_EQUAL(wrong6(ip), 0);
	rte_pktmbuf_free(m);
	/* Our link-local address is ours too (from the MAC by modified EUI-64). */
	CU_ASSERT_EQUAL(
		input(ndp(135, 0, "fd00:198:18::1", "ff02::1:ff00:99", "fe80::ff:fe00:99", 1, 255)),
		NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_ndp_solicitations), 2);
	close_net();
}

/* RFC 4862 5.4: whoever wants our address as its own must hear that it is taken. */
static void duplicate_detection_is_answered_to_all(void)
{
	struct in6_addr all = addr("ff02::1");

	open_net();
	CU_ASSERT_EQUAL(input(ndp(135, 0, "::", "ff02::1:ff00:2", "fd00:198:18::2", 0, 255)),
			NET_DONE);
	struct rte_mbuf *m = sent();
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	const struct rte_ipv6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);
	CU_ASSERT_EQUAL(memcmp(ip->dst_addr, &all, 16), 0);
	CU_ASSERT_EQUAL(((const uint8_t *)(ip + 1))[4], 0x20);
	rte_pktmbuf_free(m);
	close_net();
}

static void invalid_discovery_is_ignored(void)
{
	open_net();
	/* A hop limit below 255 came through a router. */
	CU_ASSERT_EQUAL(
		input(ndp(135, 0, "fd00:198:18::1", "ff02::1:ff00:2", "fd00:198:18::2", 1, 254)),
		NET_DONE);
	/* An option of length 0 would be walked for ever. */
	struct rte_mbuf *m =
		ndp(135, 0, "fd00:198:18::1", "fd00:198:18::2", "fd00:198:18::2", 1, 255);
	uint8_t *icmp = rte_pktmbuf_mtod_offset(m, uint8_t *, 14 + 40);
	icmp[25] = 0;
	memset(icmp + 2, 0, 2);
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, 14);
	uint16_t sum = rte_ipv6_udptcp_cksum(ip, icmp);
	memcpy(icmp + 2, &sum, 2);
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	/* Not ours, from elsewhere, anonymous with an address. */
	CU_ASSERT_EQUAL(
		input(ndp(135, 0, "fd00:198:18::1", "ff02::1:ff00:2", "fd00:198:18::3", 1, 255)),
		NET_DONE);
	CU_ASSERT_EQUAL(
		input(ndp(135, 0, "2001:db8::1", "ff02::1:ff00:2", "fd00:198:18::2", 1, 255)),
		NET_DONE);
	CU_ASSERT_EQUAL(input(ndp(135, 0, "::", "ff02::1:ff00:2", "fd00:198:18::2", 1, 255)),
			NET_DONE);
	CU_ASSERT_PTR_NULL(sent());
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_malformed), 2);
	/* A group that we did not join. */
	CU_ASSERT_EQUAL(
		input(ndp(135, 0, "fd00:198:18::1", "ff02::1:ff00:77", "fd00:198:18::77", 1, 255)),
		NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_not_ours), 1);
	close_net();
}

static void echo6_is_answered(void)
{
	uint8_t icmp[48] = {128, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g'};

	open_net();
	CU_ASSERT_EQUAL(input(v6_frame("fd00:198:18::1", "fd00:198:18::2", 64, icmp, 48)),
			NET_DONE);
	struct rte_mbuf *m = sent(); /* the question first */
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	struct in6_addr group = addr("ff02::1:ff00:1");
	struct rte_ether_addr mac = net_addr_multicast_mac(&group);
	CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod(m, void *), &mac, 6), 0);
	rte_pktmbuf_free(m);
	CU_ASSERT_EQUAL(
		input(ndp(136, 0x60, "fd00:198:18::1", "fd00:198:18::2", "fd00:198:18::1", 2, 255)),
		NET_TEACH);
	m = sent();
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	const struct rte_ipv6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);
	CU_ASSERT_EQUAL(((const uint8_t *)(ip + 1))[0], 129);
	CU_ASSERT_EQUAL(memcmp((const uint8_t *)(ip + 1) + 8, "ping", 4), 0);
	CU_ASSERT_EQUAL(wrong6(ip), 0);
	rte_pktmbuf_free(m);
	/* With a wrong checksum or to a group it is not. */
	m = v6_frame("fd00:198:18::1", "fd00:198:18::2", 64, icmp, 48);
	rte_pktmbuf_mtod(m, uint8_t *)[14 + 40 + 20] ^= 1;
	CU_ASSERT_EQUAL(input(m), NET_DONE);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_malformed), 1);
	CU_ASSERT_EQUAL(input(v6_frame("fd00:198:18::1", "ff02::1", 64, icmp, 48)), NET_DONE);
	CU_ASSERT_PTR_NULL(sent());
	close_net();
}

/* An IPv4-mapped address on the wire (RFC 4291 2.5.5.2) would be taken for an IPv4 neighbour. */
static void odd_echoes6_are_not_answered(void)
{
	uint8_t icmp[48] = {128, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g'};

	open_net();
	(void)input(v6_frame("::ffff:198.18.0.1", "fd00:198:18::2", 64, icmp, 48));
	(void)input(v6_frame("fd00:198:18::2", "fd00:198:18::2", 64, icmp, 48));
	CU_ASSERT_EQUAL(counted(DP_COUNTER_icmp_other), 2);
	struct rte_mbuf *m = v6_frame("fd00:198:18::1", "fd00:198:18::2", 64, icmp, 48);
	struct in6_addr all = addr("ff02::1");
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = net_addr_multicast_mac(&all);
	(void)input(m);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_not_ours), 1);
	/* Our IPv4 address is not to be found by IPv6 means. */
	(void)input(ndp(135, 0, "fd00:198:18::1", "ff02::1", "::ffff:198.18.0.2", 1, 255));
	CU_ASSERT_PTR_NULL(sent());
	close_net();
}

/* What one worker is told to teach, the next one learns, without a second answer. */
static void another_worker_learns(void)
{
	struct in6_addr peer4 = addr("198.18.0.1");
	struct in6_addr peer6 = addr("fd00:198:18::1");

	open_net();
	net_learn(&net, arp(RTE_ARP_OP_REQUEST, "198.18.0.1", &peer_mac, "198.18.0.2", &everybody));
	net_learn(&net, ndp(135, 0, "fd00:198:18::1", "ff02::1:ff00:2", "fd00:198:18::2", 1, 255));
	CU_ASSERT_PTR_NULL(sent());
	CU_ASSERT_PTR_NOT_NULL(net_neighbour_find(net.neighbours, &peer4));
	CU_ASSERT_PTR_NOT_NULL(net_neighbour_find(net.neighbours, &peer6));
	close_net();
}

/* What is to be taught is handed over as it came, so that net_learn() can read it. */
static void taught_frames_are_whole(void)
{
	open_net();
	struct rte_mbuf *m =
		ndp(135, 0, "fd00:198:18::1", "ff02::1:ff00:2", "fd00:198:18::2", 1, 255);
	uint32_t length = m->pkt_len;
	CU_ASSERT_EQUAL_FATAL(net_input(&net, m), NET_TEACH);
	CU_ASSERT_EQUAL(m->pkt_len, length);
	net_learn(&net, m);
	close_net();
}

static void a_full_queue_is_counted(void)
{
	open_net();
	for (uint32_t i = 0; i < NET_FRAMES + 5; i++) {
		(void)input(
			arp(RTE_ARP_OP_REQUEST, "198.18.0.1", &peer_mac, "198.18.0.2", &everybody));
	}
	CU_ASSERT_EQUAL(net.frames_count, NET_FRAMES);
	CU_ASSERT_EQUAL(net_room(&net), 0);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_tx_full), 5);
	close_net();
}

/* Whatever bytes come: nothing is read out of bounds (sanitizers watch), nothing leaks. */
static void random_frames_do_no_harm(void)
{
	static const uint16_t types[] = {RTE_ETHER_TYPE_IPV4, RTE_ETHER_TYPE_IPV6,
					 RTE_ETHER_TYPE_ARP};
	uint8_t bytes[128];

	open_net();
	srand(4711);
	for (uint32_t i = 0; i < 200000; i++) {
		uint16_t length = (uint16_t)(rand() % (int)sizeof(bytes));

		for (uint16_t at = 0; at < length; at++) {
			bytes[at] = (uint8_t)rand();
		}
		bytes[0] = i % 3 == 0 ? 0x45 : 0x60;
		if (i % 3 == 0) {
			memcpy(bytes + 16, &iface.addresses[0].s6_addr[12], 4);
			bytes[9] = i % 2 == 0 ? IPPROTO_ICMP : IPPROTO_TCP;
			bytes[2] = 0;
		} else if (i % 3 == 1) {
			memcpy(bytes + 24, &iface.addresses[1], 16);
			bytes[4] = 0;
			bytes[6] = i % 2 == 0 ? IPPROTO_ICMPV6 : IPPROTO_HOPOPTS;
		}
		(void)input(frame_of(&our_mac, &peer_mac, types[i % 3], bytes, length));
		while (net.frames_count > 0) {
			rte_pktmbuf_free(sent());
		}
	}
	close_net();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"ARP request is answered", arp_request_is_answered},
		{"ARP for others is ignored", arp_for_others_is_ignored},
		{"ARP probe is answered", arp_probe_is_answered},
		{"malformed frames are dropped", malformed_frames_are_dropped},
		{"TCP comes up bare and trimmed", tcp_comes_up_bare_and_trimmed},
		{"IPv4 lengths are checked", ipv4_lengths_are_checked},
		{"echo waits for the neighbour", echo_waits_for_the_neighbour},
		{"echo with a wrong checksum is dropped", echo_with_a_wrong_checksum_is_dropped},
		{"unicast in a group frame is dropped", unicast_in_a_group_frame_is_dropped},
		{"odd echoes are not answered", odd_echoes_are_not_answered},
		{"odd echoes over IPv6 are not answered", odd_echoes6_are_not_answered},
		{"the longest route wins", the_longest_route_wins},
		{"without an answer packets are dropped", without_an_answer_packets_are_dropped},
		{"solicitation is answered", solicitation_is_answered},
		{"duplicate detection is answered to all", duplicate_detection_is_answered_to_all},
		{"invalid discovery is ignored", invalid_discovery_is_ignored},
		{"echo over IPv6 is answered", echo6_is_answered},
		{"another worker learns", another_worker_learns},
		{"taught frames are whole", taught_frames_are_whole},
		{"a full queue is counted", a_full_queue_is_counted},
		{"random frames do no harm", random_frames_do_no_harm},
		{NULL, NULL},
	};

	return run_net("net", tests, 2047);
}
