/*
 * Somebody off the path who knows both ends of a connection and forges what either may have sent:
 * SYN, RST, FIN, acknowledgements, data and ICMP errors with guessed numbers (RFC 5961, RFC 5927).
 * His guesses are as good as any that must not work: a RST within the window, but not at its left
 * edge; data at its place, but with an acknowledgement that cannot be; an error that quotes what is
 * in flight. What no TCP without authentication withstands he does not guess: all numbers right, or
 * a SYN for who has just sent his own (simultaneous open) or waits in TIME-WAIT (RFC 6191).
 */
#ifndef SIM_ATTACKER_H
#define SIM_ATTACKER_H

#include <stdint.h>

#include "rng.h"

struct host;
struct rte_mbuf;

struct attacker {
	struct rng rng;
	uint64_t at_us[2]; /* when he strikes each host next; UINT64_MAX: never again */
	uint32_t left[2];  /* strikes */
	uint32_t pause_us_max;
	uint32_t burst_max;
	uint64_t sent[2]; /* packets, towards each host */
};

/* Mostly there is none: then it never strikes. */
void attacker_init(struct attacker *attacker, uint64_t seed, uint64_t now_us);
/* Errors first, which are no packets for the stack; returns how many packets he sent. */
uint16_t attacker_strike(struct host *host, struct rte_mbuf **packets, uint16_t max);

#endif
