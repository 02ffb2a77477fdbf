/*
 * Between the files of the server side: server.c reads, server_commands.c answers.
 */
#ifndef RTMP_SERVER_PRIVATE_H
#define RTMP_SERVER_PRIVATE_H

#include "rtmp/server.h"

/*
 * Carries out the complete command message in s->gather. Sets `event` when the caller has to know,
 * else leaves it RTMP_SERVER_MORE.
 */
int server_take_command(struct rtmp_server *s, const struct rtmp_message *msg, struct rtmp_out *out,
			struct rtmp_server_event *event) __attribute__((warn_unused_result));

/*
 * Index of the publish that `stream_id` means, or RTMP_SERVER_STREAMS. Encoders that lose track
 * send 0: that means the only publish there is.
 */
uint32_t server_find_publish(const struct rtmp_server *s, uint32_t stream_id);

/* Forgets a publish; what is under way of its messages becomes nobody's. */
void server_end_publish(struct rtmp_server *s, uint32_t index);

#endif
