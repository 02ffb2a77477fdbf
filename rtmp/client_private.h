/*
 * Between the files of the client side: client.c reads, client_commands.c talks.
 */
#ifndef RTMP_CLIENT_PRIVATE_H
#define RTMP_CLIENT_PRIVATE_H

#include "rtmp/client.h"

/* How far the publish got. */
enum client_phase {
	PHASE_CONNECTING = 0,
	PHASE_CREATING,   /* waits for the answer to createStream */
	PHASE_PUBLISHING, /* waits for NetStream.Publish.Start */
	PHASE_LIVE,
	PHASE_REFUSED,
};

void client_send_connect(struct rtmp_client *c, struct rtmp_out *out);

/*
 * Acts on the complete command message in c->gather. Sets `event` when the caller has to know,
 * else leaves it RTMP_CLIENT_MORE.
 */
int client_take_command(struct rtmp_client *c, const struct rtmp_message *msg, struct rtmp_out *out,
			struct rtmp_client_event *event) __attribute__((warn_unused_result));

#endif
