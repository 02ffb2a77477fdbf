/*
 * Client side. First byte: bit 0 begins behind the handshake, the high half is the size of spans.
 */
#include "rtmp/client.h"
#include "rtmp/heap_buffers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rtmp_client_config config = {
	.buffers = &rtmp_heap_buffers,
	.app = "live",
	.tc_url = "rtmp://localhost/live",
	.name = "key",
	.flash_ver = "FMLE/3.0 (compatible; Penstock/0.1)",
	.chunk_size = 4096,
	.window_ack_size = 1u << 18,
	.enhanced = true,
};

static struct rtmp_client client;
static uint8_t sent[8192];

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void check_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	check(len < size);
	for (size_t i = 0; i < len; i++) {
		check(text[i] >= ' ' && text[i] <= '~');
	}
}

static bool feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct rtmp_span in = {.data = copy, .len = (uint32_t)len};
	struct rtmp_out out = {.data = sent, .cap = sizeof(sent)};
	uint64_t acked = client.peer_acked;
	struct rtmp_client_event event;
	int rc;

	check(copy != NULL);
	memcpy(copy, data, len);
	do {
		rc = rtmp_client_next(&client, &in, &out, &event);
		check_text(event.code, sizeof(event.code));
		check_text(event.text, sizeof(event.text));
		check(event.acked >= acked);
		acked = event.acked;
	} while (rc == 0 && event.type != RTMP_CLIENT_MORE);
	check(rc != 0 || in.len == 0);
	free(copy);
	return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t handshake[1 + 2 * 1536] = {3};
	struct rtmp_out out = {.data = sent, .cap = sizeof(sent)};
	bool going = true;
	size_t step;

	if (size < 1) {
		return 0;
	}
	rtmp_client_init(&client, &config, 1);
	check(rtmp_client_start(&client, &out) == 0);
	step = 1u << (data[0] >> 4);
	if (data[0] & 1) {
		going = feed(handshake, sizeof(handshake));
	}
	for (size_t at = 1; at < size && going; at += step) {
		going = feed(data + at, size - at < step ? size - at : step);
	}
	rtmp_client_fini(&client);
	return 0;
}
