/* Bytes. Everything is written by hand, so that it cannot share an error with the stack. */
#include <string.h>

#include "packet.h"

#define TCP_HEADER 20U

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value);
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static uint32_t sum(uint32_t start, const uint8_t *bytes, size_t len)
{
	uint32_t total = start;

	for (size_t i = 0; i < len; i++) {
		total += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
		total = (total & 0xffff) + (total >> 16);
	}
	return total;
}

/* RFC 9293 3.1, RFC 8200 8.1: 0xffff over a packet that is right. */
static uint32_t transport_sum(const uint8_t *ip, bool v6, uint8_t protocol, const uint8_t *body,
			      size_t len)
{
	uint32_t total = v6 ? sum(0, ip + 8, 32) : sum(0, ip + 12, 8);

	return sum(total + protocol + (uint32_t)len, body, len);
}

static uint32_t ip_header_len(bool v6)
{
	return v6 ? 40 : 20;
}

/* `from` 0: of the stack. */
static void put_ip(uint8_t *ip, const struct packet_ends *ends, int from, uint8_t protocol,
		   uint8_t ecn, size_t len)
{
	memset(ip, 0, ip_header_len(ends->v6));
	if (ends->v6) {
		(void)put32(ip, 6U << 28 | (uint32_t)ecn << 20);
		(void)put16(ip + 4, (uint32_t)(len - 40));
		ip[6] = protocol;
		ip[7] = 64;
		memcpy(ip + 8, &ends->addr[from], 16);
		memcpy(ip + 24, &ends->addr[1 - from], 16);
		return;
	}
	ip[0] = 0x45;
	ip[1] = ecn;
	(void)put16(ip + 2, (uint32_t)len);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, &ends->addr[from].s6_addr[12], 4);
	memcpy(ip + 16, &ends->addr[1 - from].s6_addr[12], 4);
	(void)put16(ip + 10, ~sum(0, ip, 20));
}

static uint8_t *put_options(uint8_t *at, const struct packet *packet, uint32_t peer_iss)
{
	uint8_t *start = at;

	if (packet->mss != 0) {
		*at++ = 2;
		*at++ = 4;
		at = put16(at, packet->mss);
	}
	if (packet->sack_ok) {
		*at++ = 4;
		*at++ = 2;
	}
	if (packet->stamps) {
		*at++ = 8;
		*at++ = 10;
		at = put32(put32(at, packet->tsval), packet->tsecr);
	}
	if (packet->wscale >= 0) {
		*at++ = 3;
		*at++ = 3;
		*at++ = (uint8_t)packet->wscale;
	}
	if (packet->sack_count > 0) {
		*at++ = 5;
		*at++ = (uint8_t)(2 + 8 * packet->sack_count);
		for (uint32_t i = 0; i < packet->sack_count; i++) {
			at = put32(at, packet->sack[i][0] + peer_iss);
			at = put32(at, packet->sack[i][1] + peer_iss);
		}
	}
	while ((at - start) % 4 != 0) {
		*at++ = 1;
	}
	return at;
}

static size_t build_tcp(const struct packet *packet, const struct packet_ends *ends, uint8_t *bytes)
{
	uint32_t ip_len = ip_header_len(ends->v6);
	uint8_t *tcp = bytes + ip_len;
	uint8_t *at = put_options(tcp + TCP_HEADER, packet, ends->iss[0]);
	size_t len;

	(void)put16(put16(tcp, ends->port[1]), ends->port[0]);
	(void)put32(tcp + 4, packet->seq + ends->iss[1]);
	(void)put32(tcp + 8, packet->flags & PACKET_ACK ? packet->ack + ends->iss[0] : 0);
	tcp[12] = (uint8_t)((at - tcp) / 4 << 4);
	tcp[13] = packet->flags;
	(void)put32(put16(tcp + 14, packet->window), packet->urgent);
	for (uint32_t i = 0; i < packet->len; i++) {
		*at++ = (uint8_t)(packet->seq + i);
	}
	len = (size_t)(at - bytes);
	put_ip(bytes, ends, 1, IPPROTO_TCP, packet->ecn, len);
	(void)put16(tcp + 16, ~transport_sum(bytes, ends->v6, IPPROTO_TCP, tcp, len - ip_len));
	if (packet->given & PACKET_BAD_CHECKSUM) {
		tcp[17] ^= 1;
	}
	return len;
}

/* The error quotes the IP header and the first 8 bytes of our segment (RFC 792). */
static size_t build_icmp(const struct packet *packet, const struct packet_ends *ends,
			 uint8_t *bytes)
{
	uint32_t ip_len = ip_header_len(ends->v6);
	uint8_t *icmp = bytes + ip_len;
	uint8_t *quoted = icmp + 8;
	size_t len = ip_len + 8 + ip_len + 8;
	bool port = packet->icmp == PACKET_PORT_UNREACHABLE;

	memset(icmp, 0, 8);
	if (packet->icmp == PACKET_TOO_BIG) {
		icmp[0] = ends->v6 ? 2 : 3;
		icmp[1] = ends->v6 ? 0 : 4;
		(void)put32(icmp + 4, packet->mtu);
	} else {
		icmp[0] = ends->v6 ? 1 : 3;
		icmp[1] = ends->v6 ? (port ? 4 : 3) : (port ? 3 : 1);
	}
	put_ip(quoted, ends, 0, IPPROTO_TCP, 0, ip_len + TCP_HEADER + packet->len);
	(void)put16(put16(quoted + ip_len, ends->port[0]), ends->port[1]);
	(void)put32(quoted + ip_len + 4, packet->seq + ends->iss[0]);
	put_ip(bytes, ends, 1, ends->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 0, len);
	(void)put16(icmp + 2,
		    ends->v6 ? ~transport_sum(bytes, true, IPPROTO_ICMPV6, icmp, len - ip_len)
			     : ~sum(0, icmp, len - ip_len));
	return len;
}

size_t packet_build(const struct packet *packet, const struct packet_ends *ends,
		    uint8_t bytes[PACKET_BYTES])
{
	return packet->icmp == PACKET_TCP ? build_tcp(packet, ends, bytes)
					  : build_icmp(packet, ends, bytes);
}

static const char *read_sack(const uint8_t *body, uint32_t len, const struct packet_ends *ends,
			     struct packet *packet)
{
	packet->sack_count = len / 8;
	if (len % 8 != 0 || len == 0 || packet->sack_count > PACKET_SACK_MAX) {
		return "SACK option of odd length";
	}
	for (uint32_t i = 0; i < packet->sack_count; i++) {
		packet->sack[i][0] = get32(body + (size_t)8 * i) - ends->iss[1];
		packet->sack[i][1] = get32(body + (size_t)8 * i + 4) - ends->iss[1];
	}
	return NULL;
}

static const char *read_option(const uint8_t *option, const struct packet_ends *ends,
			       struct packet *packet)
{
	switch (option[0]) {
	case 2:
		packet->mss = (uint16_t)get16(option + 2);
		return option[1] == 4 ? NULL : "MSS option of odd length";
	case 3:
		packet->wscale = (int8_t)option[2];
		return option[1] == 3 ? NULL : "window scale option of odd length";
	case 4:
		packet->sack_ok = true;
		return option[1] == 2 ? NULL : "SACK-permitted option of odd length";
	case 5:
		return read_sack(option + 2, option[1] - 2U, ends, packet);
	case 8:
		packet->stamps = true;
		packet->tsval = get32(option + 2);
		packet->tsecr = get32(option + 6);
		return option[1] == 10 ? NULL : "timestamps option of odd length";
	default:
		return "an option that nobody knows";
	}
}

static const char *read_options(const uint8_t *area, uint32_t len, const struct packet_ends *ends,
				struct packet *packet)
{
	const char *wrong = NULL;

	while (len > 0 && area[0] != 0 && wrong == NULL) {
		uint32_t step = area[0] == 1 ? 1 : len > 1 ? area[1] : 0;

		if (step == 0 || step > len) {
			return "options that do not end";
		}
		wrong = step == 1 ? NULL : read_option(area, ends, packet);
		area += step;
		len -= step;
	}
	return wrong;
}

static const char *read_ip(const uint8_t *ip, size_t len, const struct packet_ends *ends,
			   struct packet *packet)
{
	if (ends->v6) {
		packet->ecn = ip[1] >> 4 & 3;
		return ip[0] >> 4 != 6 || get16(ip + 4) + 40 != len || ip[6] != IPPROTO_TCP
			       ? "IPv6 header"
			       : NULL;
	}
	packet->ecn = ip[1] & 3;
	if (ip[0] != 0x45 || get16(ip + 2) != len || ip[9] != IPPROTO_TCP) {
		return "IPv4 header";
	}
	return sum(0, ip, 20) == 0xffff ? NULL : "IPv4 checksum";
}

const char *packet_read(const uint8_t *bytes, size_t len, const struct packet_ends *ends,
			struct packet *packet)
{
	uint32_t ip_len = ip_header_len(ends->v6);
	const uint8_t *tcp = bytes + ip_len;
	uint32_t header = (uint32_t)(tcp[12] >> 4) * 4;
	const char *wrong;

	*packet = (struct packet){.wscale = -1};
	wrong = read_ip(bytes, len, ends, packet);
	if (wrong != NULL) {
		return wrong;
	}
	if (transport_sum(bytes, ends->v6, IPPROTO_TCP, tcp, len - ip_len) != 0xffff) {
		return "TCP checksum";
	}
	packet->flags = tcp[13];
	packet->seq = get32(tcp + 4) - ends->iss[0];
	packet->ack = packet->flags & PACKET_ACK ? get32(tcp + 8) - ends->iss[1] : 0;
	packet->window = get16(tcp + 14);
	packet->urgent = (uint16_t)get16(tcp + 18);
	packet->len = (uint32_t)len - ip_len - header;
	for (uint32_t i = 0; i < packet->len; i++) {
		if (tcp[header + i] != (uint8_t)(packet->seq + i)) {
			return "payload";
		}
	}
	return read_options(tcp + TCP_HEADER, header - TCP_HEADER, ends, packet);
}

static const uint8_t *tcp_header(const uint8_t *bytes)
{
	return bytes + ip_header_len(bytes[0] >> 4 == 6);
}

uint16_t packet_remote_port(const uint8_t *bytes)
{
	return (uint16_t)get16(tcp_header(bytes) + 2);
}

uint32_t packet_raw_seq(const uint8_t *bytes)
{
	return get32(tcp_header(bytes) + 4);
}
