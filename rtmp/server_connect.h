/*
 * The connect command (RTMP 1.0 section 7.2.1.1; Enhanced RTMP v2 "Enhancing NetConnection connect
 * Command"): what is read of its command object, and the answer.
 */
#ifndef RTMP_SERVER_CONNECT_H
#define RTMP_SERVER_CONNECT_H

#include "rtmp/amf0.h"
#include "rtmp/server.h"

/* Sets s->app and what else is kept of the command object at `r`, and appends the answer. */
int server_connect(struct rtmp_server *s, struct amf0_reader *r, double transaction,
		   struct rtmp_out *out) __attribute__((warn_unused_result));

#endif
