/*
 * Handshake: C0, C1 and C2, and what comes with them, cut or whole: the same replies, which answer
 * what was sent. First byte: bits 0 and 1 choose how C1 is made (as the input has it, or signed in
 * either layout, so that the fuzzer gets behind the digest), the rest is the size of the spans.
 */
#include "handshake.h"
#include "rtmp/heap_buffers.h"
#include "rtmp/server.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rtmp_server_config config = {
	.buffers = &rtmp_heap_buffers,
	.chunk_size = 4096,
	.window_ack_size = 2500000,
	.peer_bandwidth = 2500000,
	.message_max = 1u << 20,
};

struct answer {
	uint8_t bytes[BYTES_MAX];
	struct rtmp_out out;
	int error;
};

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

static int feed(struct rtmp_server *server, const uint8_t *data, uint32_t len, struct rtmp_out *out)
{
	uint8_t *copy = malloc(len);
	struct rtmp_span in = {.data = copy, .len = len};
	struct rtmp_server_event event;
	int rc;

	check(copy != NULL);
	memcpy(copy, data, len);
	do {
		rc = rtmp_server_next(server, &in, out, &event);
	} while (rc == 0 && event.type != RTMP_SERVER_MORE);
	check(rc != 0 || in.len == 0);
	free(copy);
	return rc;
}

static void talk(const uint8_t *data, uint32_t size, uint32_t step, struct answer *answer)
{
	static struct rtmp_server server;

	answer->out = (struct rtmp_out){.data = answer->bytes, .cap = sizeof(answer->bytes)};
	answer->error = 0;
	rtmp_server_init(&server, &config, 1);
	for (uint32_t at = 0; at < size && answer->error == 0; at += step) {
		uint32_t n = size - at < step ? size - at : step;

		answer->error = feed(&server, data + at, n, &answer->out);
	}
	rtmp_server_fini(&server);
}

/* Section 5.2.4: a plain S2 repeats C1. Nothing is said before C1 is there, or to a wrong C0. */
static void check_reply(const uint8_t *data, uint32_t size, const struct answer *answer)
{
	if (size < 1 + HANDSHAKE_SIZE || !handshake_version_allowed(data[0])) {
		check(answer->out.len == 0);
		return;
	}
	check(answer->out.len >= HANDSHAKE_REPLY_SIZE && answer->bytes[0] == RTMP_VERSION);
	if (handshake_detect(data + 1) == SCHEMA_NONE) {
		check(memcmp(answer->bytes + 1 + HANDSHAKE_SIZE, data + 1, HANDSHAKE_SIZE) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answer whole, cut;
	static uint8_t bytes[BYTES_MAX];
	uint64_t random = 1;
	uint32_t len;

	if (size < 2 || size > BYTES_MAX) {
		return 0;
	}
	len = (uint32_t)size - 1;
	memcpy(bytes, data + 1, len);
	if (data[0] % 4 < SCHEMA_NONE && len >= 1 + HANDSHAKE_SIZE) {
		handshake_make_digest(bytes + 1, data[0] % 4, &random);
	}
	talk(bytes, len, len, &whole);
	talk(bytes, len, 1 + data[0] / 4 * 25u, &cut);
	check_reply(bytes, len, &whole);
	check(whole.error == cut.error && whole.out.len == cut.out.len);
	check(memcmp(whole.bytes, cut.bytes, whole.out.len) == 0);
	return 0;
}
