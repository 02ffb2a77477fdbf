/*
 * What the TCP fuzz target stands in: one stack, some peers that connect to it and some that it
 * connects to, an owner that checks what it is given, and what must hold after every step.
 */
#ifndef FUZZ_TCP_RIG_H
#define FUZZ_TCP_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpstack/tcp.h"
#include "whole.h"
#include "wire.h"

#define RIG_PASSIVE  4u /* peers 0..3 connect to us */
#define RIG_PEERS    6u /* we connect to the others */
#define RIG_PORT     5000u
#define RIG_TRUESIZE WIRE_TRUESIZE
#define RIG_QUOTE    48u /* bytes kept of what was sent: what an ICMP error quotes */

struct rte_mbuf;

struct rig_peer {
	struct rig *rig;
	struct tcp_conn *conn;
	uint32_t seq;     /* that the stack wants next */
	uint32_t ack;     /* after what the stack sent last */
	uint32_t next;    /* sequence number of the next byte that the owner gets */
	uint32_t held;    /* truesize */
	uint32_t rcv_nxt; /* as of the last check */
	uint32_t rcv_adv;
	bool checked;
	uint8_t quote[RIG_QUOTE];
};

struct rig {
	struct tcp_stack *stack;
	struct whole whole; /* when it was created */
	uint64_t now_us;
	bool tainted; /* a packet of the fuzzer's own may have had any payload */
	struct rig_peer peer[RIG_PEERS];
};

/* `how` chooses among configurations. */
void rig_open(struct rig *rig, uint32_t how);
/* Ends all, lets all timers run out, and checks that nothing is left. */
void rig_close(struct rig *rig);

/* Payload is a function of its sequence numbers: overlaps agree. */
static inline uint8_t rig_byte(uint32_t seq)
{
	return (uint8_t)((seq * 2654435761u) >> 24);
}

void rig_connect(struct rig *rig, uint32_t index);
void rig_input(struct rig *rig, struct rte_mbuf **packets, uint16_t count);
/* Runs timers, as often as they are due up to then. */
void rig_advance(struct rig *rig, uint64_t us);
/* Takes what the stack sends and remembers its numbers; aborts where an invariant does not hold. */
void rig_settle(struct rig *rig);

#endif
