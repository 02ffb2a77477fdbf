/*
 * A packet of a script, between its text (packet_text.c) and its bytes (packet_wire.c). Sequence
 * numbers are relative to the first of their side (0 is the SYN's), ports and addresses are those
 * of struct packet_ends. Nothing here uses the stack's own code for headers and options.
 */
#ifndef TESTS_SCRIPTS_PACKET_H
#define TESTS_SCRIPTS_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_FIN      0x01
#define PACKET_SYN      0x02
#define PACKET_RST      0x04
#define PACKET_PSH      0x08
#define PACKET_ACK      0x10
#define PACKET_URG      0x20
#define PACKET_ECE      0x40
#define PACKET_CWR      0x80

#define PACKET_SACK_MAX 4
#define PACKET_BYTES    65535

enum packet_icmp { PACKET_TCP, PACKET_TOO_BIG, PACKET_PORT_UNREACHABLE, PACKET_HOST_UNREACHABLE };

enum packet_given {
	PACKET_GIVEN_WINDOW = 1,
	PACKET_GIVEN_OPTIONS = 2, /* all options are listed */
	PACKET_ANY_OPTIONS = 4,   /* <*>: whatever they are */
	PACKET_GIVEN_ECN = 8,
	PACKET_ANY_TSVAL = 16,
	PACKET_ANY_TSECR = 32, /* of a packet to the stack: what it sent last */
	PACKET_BAD_CHECKSUM = 64,
};

struct packet {
	enum packet_icmp icmp; /* else the rest says what is quoted: only `seq` and `len` count */
	uint32_t mtu;
	uint32_t given; /* enum packet_given */
	uint8_t flags;
	uint8_t ecn; /* of the IP header */
	uint32_t seq;
	uint32_t len;
	uint32_t ack;
	uint32_t window; /* as it stands in the header */
	uint16_t urgent;
	uint16_t mss;  /* 0: none */
	int8_t wscale; /* -1: none */
	bool sack_ok;
	bool stamps;
	uint32_t tsval;
	uint32_t tsecr;
	uint32_t sack_count;
	uint32_t sack[PACKET_SACK_MAX][2];
};

/* The two ends, the stack's first. */
struct packet_ends {
	bool v6;
	struct in6_addr addr[2]; /* IPv4 mapped */
	uint16_t port[2];
	uint32_t iss[2];
};

/* NULL, or what is wrong with the text. `text` begins behind the direction. */
const char *packet_parse(const char *text, bool outbound, struct packet *packet);
void packet_print(const struct packet *packet, char *text, size_t size);
/* NULL, or what differs from what was expected. */
const char *packet_differs(const struct packet *expected, const struct packet *got);

/* A packet to the stack; returns its length. Payload byte i of a stream is (uint8_t)i. */
size_t packet_build(const struct packet *packet, const struct packet_ends *ends,
		    uint8_t bytes[PACKET_BYTES]);
/* A packet of the stack: NULL, or what is wrong with it (checksums and payload are checked). */
const char *packet_read(const uint8_t *bytes, size_t len, const struct packet_ends *ends,
			struct packet *packet);
/* The ports of a packet of the stack. */
uint16_t packet_remote_port(const uint8_t *bytes);
/* Its sequence number as it stands on the wire. */
uint32_t packet_raw_seq(const uint8_t *bytes);

#endif
