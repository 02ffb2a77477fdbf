/*
 * What one peer may cost: each limit is met by a peer that does just that, and by none that stays
 * below it.
 */
#include "budget.h"
#include "peer.h"
#include "rtmp/heap_buffers.h"
#include "runner.h"

#include <CUnit/CUnit.h>
#include <string.h>

static struct peer peer;
static struct rtmp_server_config config;

/* A fresh peer under `limits`. */
static void begin(const struct rtmp_limits *limits)
{
	peer_init(&peer);
	config = peer_config;
	config.limits = *limits;
	rtmp_server_init(&peer.server, &config, 7);
}

static void run(void)
{
	peer_run(&peer, 1448, 0);
}

static void publish(void)
{
	peer_publish(&peer);
	run();
	CU_ASSERT_EQUAL_FATAL(peer.error, 0);
	CU_ASSERT_TRUE_FATAL(peer.server.granted);
}

/* Media of a length, on the stream that peer_publish() publishes on. */
static void send_audio(uint32_t count, uint32_t length)
{
	for (uint32_t i = 0; i < count && peer.error == 0; i++) {
		peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0, 0, length);
		if (i % 64 == 63) { /* as much as log and tape hold */
			run();
			peer.log[0] = '\0';
		}
	}
	run();
	peer.log[0] = '\0';
}

static void test_early_bytes(void)
{
	begin(&(struct rtmp_limits){.early_bytes = 8000});
	peer_connect(&peer);
	send_audio(4, 1000); /* nobody's: set aside, and paid for */
	CU_ASSERT_EQUAL(peer.error, 0);
	send_audio(1, 1000);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(EARLY_BYTES));
	/* Who asked to publish may send. */
	begin(&(struct rtmp_limits){.early_bytes = 8000});
	peer.accepts = false;
	peer_publish(&peer);
	send_audio(20, 1000);
	CU_ASSERT_EQUAL(peer.error, 0);
}

static void test_early_messages(void)
{
	begin(&(struct rtmp_limits){.early_messages = 10});
	peer_connect(&peer);
	for (int i = 0; i < 3; i++) {
		peer_control(&peer, RTMP_TYPE_ACK, 1);
		peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 0, 0);
		peer_message(&peer, 19, 6, 1, 0, 0, 3); /* a shared object */
	}
	run();
	CU_ASSERT_EQUAL(peer.error, 0);
	send_audio(1, 0);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(EARLY_MESSAGES));
}

/* Until a publish is accepted: asking and ending again and again is a flood like any other. */
static void test_early_commands(void)
{
	begin(&(struct rtmp_limits){.early_commands = 20});
	peer.accepts = false;
	peer_publish(&peer); /* five */
	for (int i = 0; i < 7; i++) {
		peer_command(&peer, "closeStream", 0, 1, NULL);
		peer_command(&peer, "publish", 5, 1, "key");
	}
	peer_command(&peer, "closeStream", 0, 1, NULL);
	run();
	CU_ASSERT_EQUAL(peer.error, 0);
	peer_command(&peer, "publish", 5, 1, "key");
	run();
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(EARLY_COMMANDS));
	begin(&(struct rtmp_limits){.early_commands = 20});
	publish();
	for (int i = 0; i < 100; i++) {
		peer_command(&peer, "_checkbw", 1, 0, NULL);
	}
	run();
	CU_ASSERT_EQUAL(peer.error, 0);
}

/* A connect command in chunks of one byte passes; a second one of its length does not. */
static void test_early_chunks(void)
{
	begin(&(struct rtmp_limits){.early_chunks = 400});
	peer_control(&peer, RTMP_TYPE_SET_CHUNK_SIZE, 1);
	peer_connect(&peer);
	run();
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_TRUE(peer.server.connected);
	send_audio(1, 400);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(EARLY_CHUNKS));
}

static void test_early_message_size(void)
{
	begin(&(struct rtmp_limits){.early_message_max = 5000});
	peer_connect(&peer);
	send_audio(1, 5000);
	CU_ASSERT_EQUAL(peer.error, 0);
	send_audio(1, 5001);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(EARLY_MESSAGE_SIZE));
	begin(&(struct rtmp_limits){.early_message_max = 5000});
	publish();
	send_audio(1, 60000);
	CU_ASSERT_EQUAL(peer.error, 0);
	/* And too long for ever is another error. */
	config.message_max = 4000;
	rtmp_server_limit_message(&peer.server, 4000);
	send_audio(1, 4001);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(MESSAGE_SIZE));
}

/* Messages begun and not ended: what is idle makes room, what is under way does not. */
static void test_chunk_streams(void)
{
	begin(&(struct rtmp_limits){.chunk_streams = 4});
	publish();
	for (uint8_t csid = 4; csid < 7; csid++) {
		tape_fmt0(&peer.tape, csid, 0, 300, RTMP_TYPE_AUDIO, 1);
		tape_fill(&peer.tape, 0, 128);
	}
	tape_fmt0(&peer.tape, 3, 0, 300, RTMP_TYPE_AUDIO, 1);
	tape_fill(&peer.tape, 0, 128);
	run();
	CU_ASSERT_EQUAL(peer.error, 0);
	tape_fmt0(&peer.tape, 7, 0, 300, RTMP_TYPE_AUDIO, 1);
	run();
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(CHUNK_STREAMS));
}

static void test_command_rate(void)
{
	begin(&(struct rtmp_limits){.commands = 10});
	publish();
	for (int second = 0; second < 5; second++) {
		rtmp_server_begin_second(&peer.server);
		for (int i = 0; i < 10; i++) {
			peer_command(&peer, "_checkbw", 1, 0, NULL);
		}
		run();
		CU_ASSERT_EQUAL(peer.error, 0);
	}
	peer_command(&peer, "_checkbw", 1, 0, NULL);
	run();
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(COMMAND_RATE));
}

/* Pings, which are answered, and all that is read for nothing. */
static void test_control_rate(void)
{
	begin(&(struct rtmp_limits){.controls = 10});
	publish();
	rtmp_server_begin_second(&peer.server);
	for (int i = 0; i < 5; i++) {
		peer_control(&peer, RTMP_TYPE_ACK, 1);
		peer_message(&peer, RTMP_TYPE_AUDIO, 4, 3, 0, 0, 10); /* of no publish */
	}
	run();
	CU_ASSERT_EQUAL(peer.error, 0);
	peer_control(&peer, RTMP_TYPE_ACK, 1);
	run();
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(CONTROL_RATE));
}

/* Messages without a byte cost an entry of the log each; those that carry something may be many. */
static void test_message_rate(void)
{
	static const struct rtmp_limits limits = {.messages = 50, .bytes_per_message = 100};

	begin(&limits);
	publish();
	rtmp_server_begin_second(&peer.server);
	send_audio(50, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	send_audio(10, 0);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(MESSAGE_RATE));
	begin(&limits);
	publish();
	rtmp_server_begin_second(&peer.server);
	send_audio(2000, 100);
	CU_ASSERT_EQUAL(peer.error, 0);
}

/* Feeds `megabytes` in chunks of `size`; returns the bytes that were read. */
static uint64_t feed_chunks(uint32_t size, uint32_t kib)
{
	peer_control(&peer, RTMP_TYPE_SET_CHUNK_SIZE, size);
	run();
	rtmp_server_begin_second(&peer.server);
	uint64_t before = peer.server.received;
	for (uint32_t i = 0; i < kib / 16 && peer.error == 0; i++) {
		send_audio(1, 16 << 10);
	}
	return peer.server.received - before;
}

/*
 * One-byte chunks: a hundred times the work for each byte. What is read of them in a second is
 * bounded, whatever comes; chunks of 128 bytes, the default of RTMP, are not.
 */
static void test_chunk_rate(void)
{
	static const struct rtmp_limits limits = {.chunks = 5000, .bytes_per_chunk = 64};

	begin(&limits);
	publish();
	uint64_t bytes = feed_chunks(1, 1024);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(CHUNK_RATE));
	CU_ASSERT_TRUE(bytes >= UINT64_C(2) * 5000);
	/* Its share for the bytes, and the span in which it was noticed. */
	CU_ASSERT_TRUE(bytes <= UINT64_C(2) * 5000 * 65 / 64 + UINT64_C(2) * 1448);
	begin(&limits);
	publish();
	(void)feed_chunks(128, 4096);
	CU_ASSERT_EQUAL(peer.error, 0);
	/* Runs of chunks, which are taken at once, count as what they are. */
	CU_ASSERT_TRUE(peer.server.reader.chunks > UINT32_C(4194304) / 128);
}

/* A slow peer with chunks of one byte is as good as any other. */
static void test_slow_chunks(void)
{
	static const struct rtmp_limits limits = {.chunks = 5000, .bytes_per_chunk = 64};

	begin(&limits);
	publish();
	peer_control(&peer, RTMP_TYPE_SET_CHUNK_SIZE, 1);
	for (int second = 0; second < 20; second++) {
		rtmp_server_begin_second(&peer.server);
		send_audio(1, 4900);
	}
	CU_ASSERT_EQUAL(peer.error, 0);
}

static void put_nested(struct command *c, uint32_t depth)
{
	for (uint32_t i = 0; i < depth; i++) {
		amf0_write_object_begin(&c->body);
		amf0_write_name(&c->body, "a");
	}
	amf0_write_null(&c->body);
	for (uint32_t i = 0; i < depth; i++) {
		amf0_write_object_end(&c->body);
	}
}

static int connect_nested(uint32_t depth, uint32_t elements, const struct rtmp_limits *limits)
{
	struct command c;

	begin(limits);
	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "app");
	amf0_write_string(&c.body, "live");
	amf0_write_name(&c.body, "deep");
	put_nested(&c, depth);
	for (uint32_t i = 0; i < elements; i++) {
		amf0_write_name(&c.body, "e");
		amf0_write_null(&c.body);
	}
	amf0_write_object_end(&c.body);
	peer_send(&peer, &c, 0);
	run();
	return peer.error;
}

static void test_amf(void)
{
	static const struct rtmp_limits limits = {.amf_depth = 4, .amf_elements = 100};

	CU_ASSERT_EQUAL(connect_nested(3, 0, &limits), 0);
	CU_ASSERT_EQUAL(connect_nested(4, 0, &limits), RTMP_ERR(AMF_DEPTH));
	CU_ASSERT_EQUAL(connect_nested(1, 90, &limits), 0);
	CU_ASSERT_EQUAL(connect_nested(1, 100, &limits), RTMP_ERR(AMF_ELEMENTS));
	CU_ASSERT_EQUAL(connect_nested(AMF0_DEPTH_MAX, 0, &(struct rtmp_limits){.amf_depth = 0}),
			RTMP_ERR(AMF_DEPTH));
}

/* Why it was closed stands where the encoder logs it. */
static void test_explain(void)
{
	static const struct rtmp_limits limits = {.commands = 1};

	begin(&limits);
	publish();
	rtmp_server_begin_second(&peer.server);
	peer_command(&peer, "_checkbw", 0, 0, NULL);
	peer_command(&peer, "_checkbw", 0, 0, NULL);
	run();
	CU_ASSERT_EQUAL_FATAL(peer.error, RTMP_ERR(COMMAND_RATE));
	rtmp_server_explain(&peer.server, peer.error, &peer.out);
	peer.log[0] = '\0';
	peer_read_replies(&peer);
	CU_ASSERT_PTR_NOT_NULL(strstr(peer.log, ">onStatus:0:NetStream.Publish.Rejected "));
	CU_ASSERT_PTR_NOT_NULL(memmem(peer.replies, peer.out.len, rtmp_error_sentence(peer.error),
				      strlen(rtmp_error_sentence(peer.error))));
	/* Of the connection, where there is no publish; before connect, not at all. */
	begin(&(struct rtmp_limits){.early_commands = 1});
	peer_connect(&peer);
	peer_command(&peer, "createStream", 2, 0, NULL);
	run();
	rtmp_server_explain(&peer.server, peer.error, &peer.out);
	peer.log[0] = '\0';
	peer_read_replies(&peer);
	CU_ASSERT_PTR_NOT_NULL(strstr(peer.log, ">onStatus:0:NetConnection.Connect.Closed "));
	begin(&(struct rtmp_limits){.early_bytes = 1});
	run();
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(EARLY_BYTES));
	size_t len = peer.out.len;
	rtmp_server_explain(&peer.server, peer.error, &peer.out);
	CU_ASSERT_EQUAL(peer.out.len, len);
}

static const struct test tests[] = {
	{"bytes before a publish", test_early_bytes},
	{"messages before a publish", test_early_messages},
	{"commands before a publish", test_early_commands},
	{"chunks before a publish", test_early_chunks},
	{"message size before a publish", test_early_message_size},
	{"chunk streams", test_chunk_streams},
	{"command rate", test_command_rate},
	{"control rate", test_control_rate},
	{"message rate", test_message_rate},
	{"chunk rate", test_chunk_rate},
	{"slow chunks", test_slow_chunks},
	{"AMF depth and elements", test_amf},
	{"explanation", test_explain},
};

int main(void)
{
	return RUN_TESTS("rtmp/budget", tests);
}
