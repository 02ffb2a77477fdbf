/*
 * The checks a segment for a synchronized connection passes before anything believes it: PAWS
 * (RFC 7323 5), sequence number (RFC 9293 3.10.7.4), RST and SYN (RFC 5961).
 */
#ifndef TCPSTACK_VALIDATE_H
#define TCPSTACK_VALIDATE_H

#include <stdbool.h>

struct tcp_conn;
struct tcp_segment;

/* True: go on; the segment lies within the window and has an ACK. False: it was dealt with. */
bool validate_segment(struct tcp_conn *conn, struct tcp_segment *seg);
/* An ACK that an attacker could ask for at will: limited (RFC 5961 section 7). */
void validate_challenge(struct tcp_conn *conn);

#endif
