/*
 * What a connection sends next (RFC 9293 3.8, 3.10.2): decided first, built second, and only then
 * are the connection's variables changed, so that an empty mbuf pool loses nothing.
 */
#ifndef TCPSTACK_OUTPUT_H
#define TCPSTACK_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct tcp_conn;
struct tcp_options;

/* Timestamps, SACK and D-SACK blocks as the next segment carries them. */
void output_options(struct tcp_conn *conn, struct tcp_options *opt);

enum output_result { OUTPUT_DONE, OUTPUT_MORE, OUTPUT_NO_MBUF };

/* Up to `max` packets into `packets`; `count` receives how many. */
enum output_result output_conn(struct tcp_conn *conn, struct rte_mbuf **packets, uint16_t max,
			       uint16_t *count);

/*
 * Acknowledges what has been received so far, before the rest of the burst changes it: a packet of
 * one segment, which stands first in tcp_output(). Without an mbuf the next ACK says it all.
 */
void output_ack(struct tcp_conn *conn);

#endif
