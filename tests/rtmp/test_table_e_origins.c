/*
 * Lines E26, E27 and E31 of CONFORMANCE.md: what origins do not understand when we are the
 * encoder, and what encoders need to hear when they are refused.
 */
#include "handshake.h"
#include "rtmp/client.h"
#include "rtmp/heap_buffers.h"
#include "table.h"

#include <string.h>

static const struct rtmp_client_config config = {
	.buffers = &rtmp_heap_buffers,
	.app = "ingest",
	.tc_url = "rtmp://localhost/ingest",
	.name = "key",
	.flash_ver = "FMLE/3.0 (compatible; Penstock/0.1)",
	.chunk_size = 4096,
	.window_ack_size = 262144,
	.enhanced = true,
};

static struct rtmp_client client;
static uint8_t said[1 << 16]; /* by the client */

/* One exchange: what the client has to say goes onto the tape, the replies come back. */
static void exchange(struct rtmp_out *out, uint32_t *read)
{
	struct rtmp_client_event event;
	struct rtmp_span in;

	tape_put(&encoder.tape, out->data + *read, (uint32_t)out->len - *read);
	*read = (uint32_t)out->len;
	encoder.out.len = 0;
	peer_run(&encoder, UINT32_MAX, 0);
	in = (struct rtmp_span){.data = encoder.replies, .len = (uint32_t)encoder.out.len};
	do {
		CU_ASSERT_EQUAL_FATAL(rtmp_client_next(&client, &in, out, &event), 0);
	} while (event.type != RTMP_CLIENT_MORE);
}

/* A publish from end to end, with a message begun and left when another one is more urgent. */
static void publish(struct rtmp_out *out)
{
	static const uint8_t payload[9000];
	struct rtmp_message msg = {.length = 9000, .csid = 6, .type = RTMP_TYPE_VIDEO};
	uint32_t read = 0;

	table_begin();
	tape_reset(&encoder.tape);
	*out = (struct rtmp_out){.data = said, .cap = sizeof(said)};
	rtmp_client_init(&client, &config, 3);
	CU_ASSERT_EQUAL_FATAL(rtmp_client_start(&client, out), 0);
	for (int i = 0; i < 5; i++) {
		exchange(out, &read);
	}
	msg.stream_id = client.stream_id;
	CU_ASSERT_TRUE(rtmp_chunk_writer_put(&client.writer, &msg, payload, out));
	CU_ASSERT_EQUAL(rtmp_client_finish(&client, out), 0);
	exchange(out, &read);
	rtmp_client_fini(&client);
}

/* E26: FFmpeg does not understand Abort: none is ever sent. */
static void test_no_abort(void)
{
	const uint32_t shaken = 1 + 2 * HANDSHAKE_SIZE;
	struct recorder r;
	struct rtmp_out out;

	publish(&out);
	CU_ASSERT_PTR_NOT_NULL(strstr(encoder.log, "publish=ingest/key:1 media=9:9000"));
	recorder_init(&r, &record, 1 << 20);
	CU_ASSERT_TRUE(recorder_feed(&r, said + shaken, (uint32_t)out.len - shaken));
	CU_ASSERT_TRUE(record.count > 7);
	for (uint32_t i = 0; i < record.count; i++) {
		CU_ASSERT_FALSE(record.entries[i].control &&
				record.entries[i].ctl.type == RTMP_TYPE_ABORT);
	}
}

/* E31: YouTube wants the type "live", and not the application. */
static void test_publish_type(void)
{
	static const char type[] = "\x02\x00\x03key\x02\x00\x04live";
	struct rtmp_out out;

	publish(&out);
	CU_ASSERT_PTR_NOT_NULL(memmem(said, out.len, type, sizeof(type) - 1));
}

/* E2: when we send, fmt 3 repeats the extended timestamp, from 0xFFFFFF on and not before. */
static void test_extended_when_we_send(void)
{
	static const uint32_t times[] = {0xfffffe, 0xffffff, 0x1000000, 0xffffffffu};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct rtmp_message msg = {
			.timestamp = times[i],
			.length = 200,
			.stream_id = 1,
			.csid = 6,
			.type = RTMP_TYPE_VIDEO,
		};
		uint32_t extended = times[i] >= 0xffffff ? 4 : 0;
		struct rtmp_chunk_writer writer;
		struct rtmp_chunk chunk;

		rtmp_chunk_writer_init(&writer, 128);
		rtmp_chunk_writer_begin(&writer, &msg);
		CU_ASSERT_TRUE(rtmp_chunk_writer_next(&writer, &chunk));
		CU_ASSERT_EQUAL(chunk.header_len, 12 + extended);
		CU_ASSERT_TRUE(rtmp_chunk_writer_next(&writer, &chunk));
		CU_ASSERT_EQUAL(chunk.header_len, 1 + extended);
		CU_ASSERT_TRUE(extended == 0 || chunk.header[4] == (uint8_t)times[i]);
	}
}

/* E27: BadName is said as an error; what comes then is nobody's, until the caller closes. */
static void test_bad_name(void)
{
	table_begin();
	encoder.accepts = false;
	peer_publish(&encoder);
	table_expect(0, "connected=live publish=live/key:1 ", NULL);
	CU_ASSERT_EQUAL(rtmp_server_reject(&encoder.server, 1, RTMP_REJECT_BUSY, &encoder.out), 0);
	table_expect(0, "", ">onStatus:0:NetStream.Publish.BadName ");
	CU_ASSERT_TRUE(table_said("level\x02\x00\x05"
				  "error"));
	CU_ASSERT_EQUAL(rtmp_server_reject(&encoder.server, 1, RTMP_REJECT_BUSY, &encoder.out),
			RTMP_ERR(COMMAND_ORDER));
	CU_ASSERT_EQUAL(rtmp_server_reject(&encoder.server, 2, RTMP_REJECT_BUSY, &encoder.out),
			RTMP_ERR(COMMAND_ORDER));
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 10);
	table_expect(0, "ignored=8 ", "");
}

static const struct test tests[] = {
	{"E2 extended timestamp when we send", test_extended_when_we_send},
	{"E26 never an abort", test_no_abort},
	{"E27 BadName", test_bad_name},
	{"E31 type of publish", test_publish_type},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_e_origins", tests);
}
