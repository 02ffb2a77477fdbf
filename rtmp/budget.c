#include "budget.h"
#include "rtmp/error.h"

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

static bool exceeds_share(uint32_t used, uint32_t limit, uint64_t bytes, uint32_t per)
{
	return limit != 0 && used > limit && (per == 0 || used - limit > bytes / per);
}

/* Since the second began. */
static int check_rates(const struct rtmp_server *s)
{
	const struct rtmp_limits *limits = &s->config->limits;
	const struct rtmp_tally *base = &s->base;
	uint64_t bytes = s->received - base->bytes;

	if (exceeds_share(s->reader.chunks - base->chunks, limits->chunks, bytes,
			  limits->bytes_per_chunk)) {
		return RTMP_ERR(CHUNK_RATE);
	}
	if (exceeds_share(s->messages - base->messages, limits->messages, bytes,
			  limits->bytes_per_message)) {
		return RTMP_ERR(MESSAGE_RATE);
	}
	if (exceeds(s->commands - base->commands, limits->commands)) {
		return RTMP_ERR(COMMAND_RATE);
	}
	return exceeds(s->controls - base->controls, limits->controls) ? RTMP_ERR(CONTROL_RATE) : 0;
}

int budget_check(const struct rtmp_server *s)
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
		s->base = budget_tally(s);
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
}
