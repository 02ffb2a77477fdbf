/*
 * The understanding of one stream (stream_insight.h), gained from the heads of its messages while
 * the relay scans the log. Memory is taken with the first media message, and grows with the tracks.
 *
 * insight_message() and insight_show() are of the relay thread. What it has gathered is shown a few
 * times a second, as a copy that the main thread reads under relay_context.lock.
 */
#ifndef INSIGHT_H
#define INSIGHT_H

#include "headers.h"
#include "stream_insight.h"

struct insight;
struct relay_context;

/*
 * Looks at a message. `*insight` is NULL as long as there is nothing to understand, and stays so
 * without memory: then it tries again with the next message.
 */
void insight_message(struct insight **insight, struct relay_context *context,
		     const struct log_message *message);

/* The headers of a stream that is taken over: they stand in the log no more. */
void insight_headers(struct insight **insight, struct relay_context *context,
		     const struct header_set *set, uint64_t now_us);

/*
 * Reads of the headers in force those that came too fast for it: whoever sends many sequence
 * headers at once is known by the last of them a second later.
 */
void insight_catch_up(struct insight *insight, const struct header_set *set, uint64_t now_us);

/* Shows what is new, unless it was shown only just before. */
void insight_show(struct insight *insight, struct relay_context *context, uint64_t now_us);

/* With the lock held: the copy that was shown last; all 0 without one. */
void insight_read(const struct insight *insight, struct stream_insight *out);

void insight_destroy(struct insight *insight);

#endif
