/*
 * The timers of a connection: which deadline has passed and what it means.
 */
#ifndef TCPSTACK_TIMEOUT_H
#define TCPSTACK_TIMEOUT_H

#include <stdint.h>

struct tcp_conn;
struct tcp_stack;

/* Runs due connection timers, at most `budget`; returns how many ran. */
uint32_t timeout_run(struct tcp_stack *stack, uint32_t budget);
/* When keepalive or FIN-WAIT-2 has to be looked at, 0: never. */
uint64_t timeout_life_at_us(const struct tcp_conn *conn);

#endif
