/*
 * A peer's account (rtmp/limits.h): what it sent against what it may. Looked at once per span and
 * at every command, so that counting is all that a message or a chunk costs.
 */
#ifndef RTMP_BUDGET_H
#define RTMP_BUDGET_H

#include "rtmp/server.h"

/* What the connection sent so far. */
struct rtmp_tally budget_tally(const struct rtmp_server *s);

/* 0, or the limit that is exceeded. */
int budget_check(const struct rtmp_server *s) __attribute__((warn_unused_result));

/* A publish or play is asked for: from here on rates count, because media may come with it. */
void budget_asked(struct rtmp_server *s);

/* One was accepted: commands are not counted in all any more. */
void budget_grant(struct rtmp_server *s);

#endif
