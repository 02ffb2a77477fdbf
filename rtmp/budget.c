#include "budget.h"
#include "rtmp/error.h"

#define LOOK_AHEAD_MAX (1u << 20) /* far below half of what the count wraps at */

struct rtmp_tally budget_tally(const struct rtmp_server *s)
{
	return (struct rtmp_tally){
		.bytes = s->received,
		.chunks = s->reader.chunks,
		.messages = s->messages,
		.commands = s->commands,
		.controls = s->controls,
	};
}

static bool exceeds(uint64_t used, uint32_t limit)
{
	return limit != 0 && used > limit;
}

/* In all, since the connection began. */
static int check_early(const struct rtmp_server *s)
{
	const struct rtmp_limits *limits = &s->config->limits;

	if (exceeds(s->received, limits->early_bytes)) {
		return RTMP_ERR(EARLY_BYTES);
	}
	if (exceeds(s->messages, limits->early_messages)) {
		return RTMP_ERR(EARLY_MESSAGES);
	}
	return exceeds(s->reader.chunks, limits->early_chunks) ? RTMP_ERR(EARLY_CHUNKS) : 0;
}

/*
 * What is left of one rate, at least `*left` is; false when nothing is and more was taken. Bytes
 * that are still to come only add to it.
 */
static bool take_left(uint32_t used, uint32_t limit, uint64_t bonus, uint32_t *left)
{
	uint64_t allowed = limit + bonus;

	if (limit == 0) {
		return true;
	}
	if (used > allowed) {
		return false;
	}
	if (allowed - used < *left) {
		*left = (uint32_t)(allowed - used);
	}
	return true;
}

static uint64_t share(uint64_t bytes, uint32_t per)
{
	return per != 0 ? bytes / per : 0;
}

/* Since the second began. */
static int check_rates(struct rtmp_server *s)
{
	const struct rtmp_limits *limits = &s->config->limits;
	const struct rtmp_tally *base = &s->base;
	uint64_t bytes = s->received - base->bytes;
	uint32_t left = LOOK_AHEAD_MAX;

	if (!take_left(s->reader.chunks - base->chunks, limits->chunks,
		       share(bytes, limits->bytes_per_chunk), &left)) {
		return RTMP_ERR(CHUNK_RATE);
	}
	if (!take_left(s->messages - base->messages, limits->messages,
		       share(bytes, limits->bytes_per_message), &left)) {
		return RTMP_ERR(MESSAGE_RATE);
	}
	if (!take_left(s->commands - base->commands, limits->commands, 0, &left)) {
		return RTMP_ERR(COMMAND_RATE);
	}
	if (!take_left(s->controls - base->controls, limits->controls, 0, &left)) {
		return RTMP_ERR(CONTROL_RATE);
	}
	s->look_at = budget_ticks(s) + left;
	return 0;
}

int budget_look(struct rtmp_server *s)
{
	if (!s->granted && exceeds(s->commands, s->config->limits.early_commands)) {
		return RTMP_ERR(EARLY_COMMANDS);
	}
	return s->asked ? check_rates(s) : check_early(s);
}

void budget_asked(struct rtmp_server *s)
{
	if (!s->asked) {
		s->asked = true;
		rtmp_server_begin_second(s);
		s->reader.message_max = s->config->message_max;
	}
}

void budget_grant(struct rtmp_server *s)
{
	s->granted = true;
}

void rtmp_server_begin_second(struct rtmp_server *s)
{
	s->base = budget_tally(s);
	s->look_at = budget_ticks(s);
}
