/*
 * Generic receive offload in software: segments of one burst that continue one another become one,
 * so that the connection is looked up, validated, acknowledged and delivered to once for all.
 *
 * Only what says the same in every field may be merged: data segments with nothing but ACK and PSH
 * set, equal acknowledgement, window, timestamps and ECN marks, no SACK blocks.
 */
#ifndef TCPSTACK_GRO_H
#define TCPSTACK_GRO_H

#include <stdbool.h>

struct tcp_segment;

/* Appends `next` to `into`, whose payload it continues; false when they must stay apart. */
bool gro_merge(struct tcp_segment *into, struct tcp_segment *next);

#endif
