/*
 * Server side. First byte: bit 0 begins behind the handshake, bit 1 accepts publishes at once, bit
 * 2 takes runs of chunks at once, bit 3 has limits, which the next bytes choose; the upper four are
 * the size of the spans. The events must tell a story that a caller can believe, and none of the
 * limits is exceeded behind a span that was taken.
 */
#include "rtmp/heap_buffers.h"
#include "rtmp/server.h"

#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX  4096u
#define LIMITS_BYTES 7u
#define MESSAGE_MAX  (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rtmp_aggregate aggregates[RTMP_SERVER_STREAMS];
static struct rtmp_aggregate_pool aggregate_pool;
static uint64_t notes[RTMP_NOTE_COUNT];

static struct rtmp_server_config config = {
	.aggregates = &aggregate_pool,
	.notes = notes,
	.buffers = &rtmp_heap_buffers,
	.chunk_size = 4096,
	.window_ack_size = 2500000,
	.peer_bandwidth = 2500000,
	.message_max = MESSAGE_MAX,
};

static struct rtmp_server server;
static uint8_t replies[8192];
static struct rtmp_out out;
static bool publishing[STREAMS_MAX];
static uint32_t got[RTMP_CHUNK_STREAMS];
static bool accepts;
static bool takes_runs;
static uint32_t spans_per_second;
static uint32_t accepted_max; /* bytes of a message, once it is accepted */

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

/* Powers of two, from so small that connections end of it, to more than any input has; or none. */
static uint32_t choose(uint8_t bits, uint32_t least)
{
	return (bits & 7) == 7 ? 0 : least << (bits & 7);
}

static void set_limits(const uint8_t choice[LIMITS_BYTES])
{
	config.limits = (struct rtmp_limits){
		.chunk_streams = 1 + choice[0] % RTMP_CHUNK_STREAMS,
		.amf_depth = 1 + (choice[0] >> 4),
		.amf_elements = choose(choice[1], 4),
		.early_bytes = choose(choice[1] >> 3, 3100),
		.early_messages = choose(choice[2], 2),
		.early_chunks = choose(choice[2] >> 3, 4),
		.early_message_max = 64u << (choice[3] & 7),
		.early_commands = choose(choice[3] >> 3, 2),
		.commands = choose(choice[4], 1),
		.controls = choose(choice[4] >> 3, 1),
		.messages = choose(choice[5], 1),
		.chunks = choose(choice[5] >> 3, 2),
		.bytes_per_message = choose(choice[6], 16),
		.bytes_per_chunk = choose(choice[6] >> 3, 8),
	};
	spans_per_second = 1 + (choice[4] >> 6);
	accepted_max = choice[5] >> 6 ? 128u << (choice[5] >> 6) : MESSAGE_MAX;
}

static uint64_t allowed(uint32_t limit, uint64_t bytes, uint32_t per)
{
	return limit == 0 ? UINT64_MAX : limit + (per != 0 ? bytes / per : 0);
}

/* It may look as rarely as it likes, but not let anything pass. */
static void check_limits(void)
{
	const struct rtmp_limits *l = &config.limits;
	uint64_t bytes = server.received - server.base.bytes;

	check(server.granted || server.commands <= allowed(l->early_commands, 0, 0));
	if (!server.asked) {
		check(server.received <= allowed(l->early_bytes, 0, 0));
		check(server.messages <= allowed(l->early_messages, 0, 0));
		check(server.reader.chunks <= allowed(l->early_chunks, 0, 0));
		return;
	}
	check(server.reader.chunks - server.base.chunks <=
	      allowed(l->chunks, bytes, l->bytes_per_chunk));
	check(server.messages - server.base.messages <=
	      allowed(l->messages, bytes, l->bytes_per_message));
	check(server.commands - server.base.commands <= allowed(l->commands, 0, 0));
	check(server.controls - server.base.controls <= allowed(l->controls, 0, 0));
}

static void take_publish(const struct rtmp_server_event *e)
{
	int rc;

	check(!publishing[e->stream_id]);
	check(e->app[0] != '\0' && e->name[0] != '\0');
	publishing[e->stream_id] = accepts;
	rc = accepts ? rtmp_server_accept(&server, e->stream_id, &out)
		     : rtmp_server_reject(&server, e->stream_id, RTMP_REJECT_AUTH, &out);
	check(rc == 0 || out.overflow);
	if (accepts) {
		rtmp_server_limit_message(&server, accepted_max);
	}
}

static void take_play(const struct rtmp_server_event *e)
{
	int rc;

	check(!publishing[e->stream_id] && e->app[0] != '\0' && e->name[0] != '\0');
	rc = accepts ? rtmp_server_play_accept(&server, e->stream_id, &out)
		     : rtmp_server_play_end(&server, e->stream_id, RTMP_PLAY_REJECT_AUTH, &out);
	check(rc == 0 || out.overflow);
}

static void take_media(const struct rtmp_server_event *e)
{
	check(publishing[e->stream_id] && e->slot < RTMP_CHUNK_STREAMS);
	if (e->piece.first) {
		got[e->slot] = 0;
	}
	check(e->piece.first == (got[e->slot] == 0));
	got[e->slot] += e->piece.len;
	check(got[e->slot] <= e->piece.msg->length);
	check(e->piece.last == (got[e->slot] == e->piece.msg->length));
}

static void take(const struct rtmp_server_event *e)
{
	check(e->stream_id < STREAMS_MAX || e->type == RTMP_SERVER_IGNORED);
	if (e->type == RTMP_SERVER_PUBLISH) {
		take_publish(e);
	} else if (e->type == RTMP_SERVER_PLAY) {
		take_play(e);
	} else if (e->type == RTMP_SERVER_UNPUBLISH) {
		check(publishing[e->stream_id]);
		publishing[e->stream_id] = false;
	} else if (e->type == RTMP_SERVER_MEDIA) {
		take_media(e);
	}
}

/* What continues the piece comes as a run where it can. */
static void take_run(const struct rtmp_server_event *e, struct rtmp_span *in)
{
	struct rtmp_run run;

	if (!takes_runs || e->type != RTMP_SERVER_MEDIA || e->piece.last ||
	    !rtmp_server_run(&server, in, 512, &run)) {
		return;
	}
	got[e->slot] += run.len;
	check(got[e->slot] <= e->piece.msg->length);
	check(run.last == (got[e->slot] == e->piece.msg->length));
}

static bool feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct rtmp_span in = {.data = copy, .len = (uint32_t)len};
	struct rtmp_server_event event;
	int rc;

	check(copy != NULL);
	memcpy(copy, data, len);
	out = (struct rtmp_out){.data = replies, .cap = sizeof(replies)};
	do {
		rc = rtmp_server_next(&server, &in, &out, &event);
		if (rc == 0) {
			take(&event);
			take_run(&event, &in);
		}
	} while (rc == 0 && event.type != RTMP_SERVER_MORE && !out.overflow);
	check(rc != 0 || out.overflow || in.len == 0);
	free(copy);
	if (rc < 0) {
		rtmp_server_explain(&server, rc, &out);
	} else if (event.type == RTMP_SERVER_MORE) {
		check_limits();
	}
	return rc == 0 && !out.overflow;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t handshake[1 + 2 * 1536] = {3};
	static const uint8_t unlimited[LIMITS_BYTES];
	bool limited = size >= 1 && (data[0] & 8);
	size_t begin = limited ? 1 + LIMITS_BYTES : 1;
	uint32_t spans = 0;
	size_t step;
	bool going = true;

	if (size < begin) {
		return 0;
	}
	set_limits(limited ? data + 1 : unlimited);
	if (!limited) {
		config.limits = (struct rtmp_limits){0};
	}
	memset(publishing, 0, sizeof(publishing));
	rtmp_aggregate_pool_init(&aggregate_pool, aggregates, RTMP_SERVER_STREAMS);
	rtmp_server_init(&server, &config, 1);
	accepts = data[0] & 2;
	takes_runs = data[0] & 4;
	step = 1u << (data[0] >> 4);
	if (data[0] & 1) {
		going = feed(handshake, sizeof(handshake));
	}
	for (size_t at = begin; at < size && going; at += step) {
		if (limited && ++spans % spans_per_second == 0) {
			rtmp_server_begin_second(&server);
		}
		going = feed(data + at, size - at < step ? size - at : step);
	}
	(void)rtmp_server_reconnect(&server, "rtmp://198.18.0.9/live", "drained", &out);
	rtmp_server_fini(&server);
	return 0;
}
