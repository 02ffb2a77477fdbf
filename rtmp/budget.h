/*
 * A peer's account (rtmp/limits.h): what it sent against what it may. Counting is all that a
 * message or a chunk costs; the account is looked at after a span or a command, and only when so
 * much has come since it was looked at last that some limit may be exceeded.
 */
#ifndef RTMP_BUDGET_H
#define RTMP_BUDGET_H

#include "rtmp/server.h"

/* What the connection sent so far. */
struct rtmp_tally budget_tally(const struct rtmp_server *s);

/* Grows by at least one with each chunk, message, command and control message. */
static inline uint32_t budget_ticks(const struct rtmp_server *s)
{
	return s->reader.chunks + s->messages;
}

/* 0, or the limit that is exceeded. Sets when it is next worth looking: none can be before that. */
int budget_look(struct rtmp_server *s) __attribute__((warn_unused_result));

static inline int budget_check(struct rtmp_server *s)
{
	if (s->asked && (int32_t)(s->look_at - budget_ticks(s)) >= 0) {
		return 0;
	}
	return budget_look(s);
}

/* A publish or play is asked for: from here on rates count, because media may come with it. */
void budget_asked(struct rtmp_server *s);

/* One was accepted: commands are not counted in all any more. */
void budget_grant(struct rtmp_server *s);

#endif
