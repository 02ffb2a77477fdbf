#include "host_icmp.h"

#include <netinet/in.h>

#include "host.h"

#define ICMP_LEN 8u /* of the header of an error: what it quotes follows */

/* RFC 792 types and codes; 1191 for the MTU. */
static struct tcp_icmp read_v4(const uint8_t *icmp)
{
	struct tcp_icmp error = {.kind = TCP_ICMP_SOFT};

	if (icmp[0] == 3 && icmp[1] == 4) {
		error.kind = TCP_ICMP_TOO_BIG;
		error.mtu = (uint32_t)icmp[6] << 8 | icmp[7];
	} else if (icmp[0] == 3 && (icmp[1] == 2 || icmp[1] == 3)) {
		error.kind = TCP_ICMP_HARD;
	}
	return error;
}

/* RFC 4443 types and codes. */
static struct tcp_icmp read_v6(const uint8_t *icmp)
{
	struct tcp_icmp error = {.kind = TCP_ICMP_SOFT};

	if (icmp[0] == 2) {
		error.kind = TCP_ICMP_TOO_BIG;
		error.mtu = (uint32_t)icmp[4] << 24 | (uint32_t)icmp[5] << 16 |
			    (uint32_t)icmp[6] << 8 | icmp[7];
	} else if (icmp[0] == 1 && icmp[1] == 4) {
		error.kind = TCP_ICMP_HARD;
	}
	return error;
}

bool host_icmp_input(struct host *host, const void *bytes, size_t len)
{
	const uint8_t *ip = bytes;
	bool v6 = len > 0 && ip[0] >> 4 == 6;
	size_t header = v6 ? 40 : (size_t)(ip[0] & 15) * 4;
	struct tcp_icmp error;

	if (len < header + ICMP_LEN || ip[v6 ? 6 : 9] != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		return false;
	}
	error = v6 ? read_v6(ip + header) : read_v4(ip + header);
	error.quoted = ip + header + ICMP_LEN;
	error.quoted_len = (uint32_t)(len - header - ICMP_LEN);
	(void)!tcp_icmp_error(host->stack, &error, host->now_us);
	return true;
}
