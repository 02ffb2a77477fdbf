/*
 * TCP checksums in software (RFC 9293 3.1) over mbuf chains, pseudo header included.
 */
#ifndef TCPSTACK_CHECKSUM_H
#define TCPSTACK_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

/*
 * `packet` begins with the IP header, TCP at `offset` up to the end of the packet. Folded, not
 * complemented: 0xffff when the checksum field was right.
 */
uint16_t checksum_sum(const struct rte_mbuf *packet, uint32_t offset, bool v6);
/* What belongs into the field, which is 0 now. */
uint16_t checksum_field(const struct rte_mbuf *packet, uint32_t offset, bool v6);

#endif
