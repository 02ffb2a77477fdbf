/*
 * What control says about one publisher beside yes and no: limits of its application, reasons in
 * words, the request to connect anew; and what it writes down for its successor.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <string.h>

#include "publisher.h"
#include "rtmp/server.h"
#include "suite.h"

static struct world w;
static struct publisher one;
static struct publisher other;
static uint8_t payload[70000];

static void open_world(void)
{
	world_init(&w);
	world_open(&w);
	world_attach(&w);
}

static struct abi_command *next_command(void)
{
	return &w.sub->commands[atomic_load(&w.sub->command_head) % ABI_COMMAND_RING];
}

/* Fields that world_command() does not know are set between writing and showing it. */
static struct abi_event accept_with(struct publisher *p, const struct abi_command *limits)
{
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	struct abi_command *command = next_command();

	world_command(&w, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, "public");
	command->message_max = limits->message_max;
	command->idle_ms = limits->idle_ms;
	command->first_media_ms = limits->first_media_ms;
	world_poll(&w);
	publisher_pump(p);
	CU_ASSERT_TRUE_FATAL(p->publishing);
	(void)world_expect(&w, ABI_EVENT_LIVE);
	return event;
}

static void send_media(struct publisher *p, uint8_t type, uint32_t length)
{
	payload[0] = type == RTMP_TYPE_VIDEO ? 0x17 : 0xaf;
	publisher_media(p, type, type == RTMP_TYPE_VIDEO ? 6 : 4, 0, payload, length);
	publisher_pump(p);
}

/* Second by second; returns after how many the connection was closed. */
static uint32_t wait_for_close(const struct publisher *p, uint32_t seconds)
{
	for (uint32_t i = 1; i <= seconds; i++) {
		w.now_us += 1000000;
		world_poll(&w);
		if (p->conn.closed) {
			return i;
		}
	}
	return 0;
}

static bool was_told(const struct publisher *p, const char *text)
{
	return p->conn.sent_len != 0 && memmem(p->conn.sent, p->conn.sent_len, text, strlen(text));
}

static void test_message_size(void)
{
	const struct abi_command limits = {.message_max = 1000};

	open_world();
	publisher_open(&one, &w, "key", 4096, 1448);
	(void)accept_with(&one, &limits);
	publisher_open(&other, &w, "key2", 4096, 1448);
	(void)accept_with(&other, &(struct abi_command){.message_max = 0});
	send_media(&one, RTMP_TYPE_VIDEO, 1000);
	send_media(&other, RTMP_TYPE_VIDEO, 60000);
	CU_ASSERT_FALSE(one.conn.closed);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages), 2);
	send_media(&one, RTMP_TYPE_VIDEO, 1001);
	CU_ASSERT_TRUE(one.conn.closed);
	CU_ASSERT_FALSE(other.conn.closed);
	publisher_close(&one);
	publisher_close(&other);
	world_close(&w);
}

static void test_idle(void)
{
	open_world();
	publisher_open(&one, &w, "key", 4096, 1448);
	(void)accept_with(&one, &(struct abi_command){.idle_ms = 5000});
	CU_ASSERT_EQUAL(wait_for_close(&one, 30), 5);
	CU_ASSERT_TRUE(was_told(&one, rtmp_reject_text(RTMP_REJECT_IDLE)));
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_idle), 1);
	publisher_close(&one);
	/* Longer than the worker's own is possible as well. */
	w.event_tail = atomic_load(&w.pub->event_head);
	publisher_open(&one, &w, "key", 4096, 1448);
	(void)accept_with(&one, &(struct abi_command){.idle_ms = 60000});
	CU_ASSERT_EQUAL(wait_for_close(&one, 70), 60);
	publisher_close(&one);
	world_close(&w);
}

/* Pings, acknowledgements and commands are not media; half a message is. */
static void test_idle_talker(void)
{
	static const uint8_t ping[] = {0, 6, 0, 0, 0, 1};
	static const uint8_t ack[] = {0, 0, 16, 0};

	open_world();
	publisher_open(&one, &w, "key", 4096, 1448);
	(void)accept_with(&one, &(struct abi_command){.idle_ms = 5000});
	for (int i = 0; i < 4; i++) {
		publisher_media(&one, RTMP_TYPE_USER_CONTROL, 2, 0, ping, sizeof(ping));
		publisher_media(&one, RTMP_TYPE_ACK, 2, 0, ack, sizeof(ack));
		publisher_command(&one, 0, "FCPublish", NULL);
		publisher_pump(&one);
		CU_ASSERT_EQUAL(wait_for_close(&one, 1), 0);
	}
	CU_ASSERT_EQUAL(wait_for_close(&one, 1), 1);
	CU_ASSERT_TRUE(was_told(&one, rtmp_reject_text(RTMP_REJECT_IDLE)));
	publisher_close(&one);
	world_close(&w);
}

static void test_slow_message(void)
{
	static uint8_t wire[30000];
	size_t total;

	open_world();
	publisher_open(&one, &w, "key", 4096, 1448);
	(void)accept_with(&one, &(struct abi_command){.idle_ms = 5000});
	payload[0] = 0x17;
	publisher_media(&one, RTMP_TYPE_VIDEO, 6, 0, payload, 20000);
	total = one.out.len;
	memcpy(wire, one.bytes, total);
	for (size_t at = 0; at < total; at += 1000) {
		one.out.len = total - at < 1000 ? total - at : 1000;
		memcpy(one.bytes, wire + at, one.out.len);
		publisher_pump(&one);
		CU_ASSERT_EQUAL_FATAL(wait_for_close(&one, 1), 0);
	}
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages), 1);
	CU_ASSERT_EQUAL(wait_for_close(&one, 10), 4);
	publisher_close(&one);
	world_close(&w);
}

/* It is not idle, it only never sends what it promised. */
static void test_first_media(void)
{
	static const uint8_t metadata[] = {2,   0,   10,  'o', 'n', 'M', 'e', 't', 'a',
					   'D', 'a', 't', 'a', 8,   0,   0,   0,   0};
	open_world();
	publisher_open(&one, &w, "key", 4096, 1448);
	(void)accept_with(&one, &(struct abi_command){.first_media_ms = 3000});
	publisher_open(&other, &w, "key2", 4096, 1448);
	(void)accept_with(&other, &(struct abi_command){.first_media_ms = 3000});
	send_media(&other, RTMP_TYPE_AUDIO, 10);
	for (int i = 0; i < 2; i++) {
		publisher_media(&one, RTMP_TYPE_DATA_AMF0, 4, 0, metadata, sizeof(metadata));
		publisher_pump(&one);
		CU_ASSERT_EQUAL(wait_for_close(&one, 1), 0);
	}
	CU_ASSERT_EQUAL(wait_for_close(&one, 5), 1);
	CU_ASSERT_TRUE(was_told(&one, rtmp_reject_text(RTMP_REJECT_NO_MEDIA)));
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_first_media), 1);
	CU_ASSERT_FALSE(other.conn.closed);
	publisher_close(&one);
	publisher_close(&other);
	world_close(&w);
}

static void test_reasons(void)
{
	static const char text[] = "bitrate 12.1 Mb/s exceeds 8 Mb/s";
	struct abi_event event;

	open_world();
	publisher_open(&one, &w, "key", 4096, 1448);
	event = accept_with(&one, &(struct abi_command){.idle_ms = 0});
	world_command(&w, ABI_COMMAND_KICK, event.slot, event.generation, RTMP_REJECT_BITRATE,
		      text);
	world_poll(&w);
	CU_ASSERT_TRUE(was_told(&one, text));
	CU_ASSERT_TRUE(was_told(&one, "NetStream.Publish.Rejected"));
	CU_ASSERT_TRUE(one.conn.closed);
	publisher_close(&one);
	w.event_tail = atomic_load(&w.pub->event_head);
	publisher_open(&one, &w, "key", 4096, 1448);
	event = world_expect(&w, ABI_EVENT_PUBLISH);
	world_command(&w, ABI_COMMAND_REJECT, event.slot, event.generation, RTMP_REJECT_DRAINING,
		      "");
	world_poll(&w);
	CU_ASSERT_TRUE(was_told(&one, rtmp_reject_text(RTMP_REJECT_DRAINING)));
	CU_ASSERT_TRUE(one.conn.closed);
	publisher_close(&one);
	world_close(&w);
}

static void drain_again(uint64_t until_us)
{
	struct abi_command *command = next_command();

	world_command(&w, ABI_COMMAND_DRAIN, UINT32_MAX, 0, 0, "rtmp://198.18.0.9");
	command->drain_until_us = until_us;
	world_poll(&w);
}

static uint64_t ask_again(const struct abi_event *event)
{
	world_command(&w, ABI_COMMAND_RECONNECT, event->slot, event->generation, 0, NULL);
	world_poll(&w);
	publisher_pump(&one);
	return world_count(&w, DP_COUNTER_reconnects_asked);
}

/*
 * The next control does not know who was asked, and begins with all of them: who was asked in this
 * drain is not asked again. Another drain is another matter, for those who stayed. It is the
 * connection that is asked, not each of its publications.
 */
static void test_asked_once(void)
{
	struct abi_event first, second;

	open_world();
	publisher_open_as(
		&one, &w,
		&(struct rtmp_client_config){
			.name = "key", .chunk_size = 4096, .enhanced = true, .reconnects = true},
		1448);
	first = accept_with(&one, &(struct abi_command){.idle_ms = 0});
	publisher_publish(&one, 2, "more");
	second = accept_with(&one, &(struct abi_command){.idle_ms = 0});
	drain_again(UINT64_MAX);
	CU_ASSERT_EQUAL(ask_again(&first), 1);
	CU_ASSERT_EQUAL(ask_again(&second), 1);
	w.event_tail = atomic_load(&w.pub->event_head);
	world_detach(&w);
	world_attach(&w);
	drain_again(UINT64_MAX);
	CU_ASSERT_EQUAL(ask_again(&first), 1);
	CU_ASSERT_EQUAL(ask_again(&second), 1);
	drain_again(0);
	drain_again(UINT64_MAX);
	CU_ASSERT_EQUAL(ask_again(&second), 2);
	publisher_close(&one);
	world_close(&w);
}

/* Who offered it is asked, and goes on until it leaves; nobody else notices. */
static void test_reconnect(void)
{
	static const char code[] = "NetConnection.Connect.ReconnectRequest";
	static const char url[] = "rtmp://198.18.0.9/live";
	struct abi_event of_one, of_other;

	open_world();
	publisher_open_as(
		&one, &w,
		&(struct rtmp_client_config){
			.name = "key", .chunk_size = 4096, .enhanced = true, .reconnects = true},
		1448);
	of_one = accept_with(&one, &(struct abi_command){.idle_ms = 0});
	publisher_open_as(
		&other, &w,
		&(struct rtmp_client_config){.name = "k2", .chunk_size = 4096, .enhanced = true},
		1448);
	of_other = accept_with(&other, &(struct abi_command){.idle_ms = 0});
	CU_ASSERT_EQUAL(world_stream(&w, of_one.slot)->caps_ex & ABI_CAPS_RECONNECT, 1);
	CU_ASSERT_EQUAL(world_stream(&w, of_other.slot)->caps_ex & ABI_CAPS_RECONNECT, 0);
	world_command(&w, ABI_COMMAND_RECONNECT, of_one.slot, of_one.generation, 0, url);
	world_command(&w, ABI_COMMAND_RECONNECT, of_other.slot, of_other.generation, 0, url);
	world_poll(&w);
	CU_ASSERT_TRUE(was_told(&one, code));
	CU_ASSERT_TRUE(was_told(&one, url));
	CU_ASSERT_FALSE(was_told(&other, code));
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_reconnects_asked), 1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_reconnects_not_offered), 1);
	publisher_pump(&one);
	CU_ASSERT_FALSE(one.refused);
	send_media(&one, RTMP_TYPE_VIDEO, 5000);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages), 1);
	drain_again(1);
	world_command(&w, ABI_COMMAND_RECONNECT, of_one.slot, of_one.generation, 0, NULL);
	world_poll(&w);
	CU_ASSERT_TRUE(was_told(&one, code));
	CU_ASSERT_FALSE(was_told(&one, "tcUrl"));
	publisher_close(&one);
	publisher_close(&other);
	world_close(&w);
}

static void test_drain_is_kept(void)
{
	open_world();
	CU_ASSERT_EQUAL(atomic_load(&w.pub->drain_until_us), 0);
	struct abi_command *command = next_command();
	world_command(&w, ABI_COMMAND_DRAIN, UINT32_MAX, 0, 0, NULL);
	command->drain_until_us = 77;
	memset(command->name, 'x', sizeof(command->name)); /* without an end */
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&w.pub->drain_until_us), 77);
	CU_ASSERT_EQUAL(strnlen(w.pub->drain_target, ABI_NAME_MAX), ABI_NAME_MAX - 1);
	world_detach(&w);
	world_poll(&w);
	world_attach(&w);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&w.pub->drain_until_us), 77);
	world_close(&w);
}

/* Limits that a worker has by default; the tests' own world has none. */
static void open_limited(void)
{
	static const struct config_limits limits = {
#define LIMIT_DEFAULT(key, least, most, unset) .key = (unset),
		CONFIG_LIMITS(LIMIT_DEFAULT)
#undef LIMIT_DEFAULT
	};

	world_init(&w);
	w.rtmp.limits = limits;
	world_open(&w);
	world_attach(&w);
}

static uint64_t errors(int error)
{
	return dp_ingest_rtmp_errors(w.ingest)[-error - 1];
}

/* One segment of TCP's, with `count` of its like behind it, given at once: a gap was filled. */
static void give_train(struct publisher *p, const uint8_t *bytes, uint16_t length, uint32_t count)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w.packets.pool);

		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		memcpy(rte_pktmbuf_append(m, length), bytes, length);
		if (head) {
			m->next = head;
			m->pkt_len = (uint32_t)m->data_len + head->pkt_len;
			m->nb_segs = (uint16_t)(head->nb_segs + 1);
		}
		head = m;
	}
	dp_ingest_tcp_ops.received(p->conn.user, &p->conn, head);
}

/*
 * A message in chunks of one byte, a megabyte of it in one delivery. The worker reads what a second
 * allows and not the rest; whoever publishes beside it gets through in the same loop.
 */
static void test_one_byte_chunks(void)
{
	uint8_t chunks[1448];

	open_limited();
	publisher_open(&one, &w, "key", 1, 1448);
	(void)accept_with(&one, &(struct abi_command){.idle_ms = 0});
	publisher_open(&other, &w, "key2", 4096, 1448);
	(void)accept_with(&other, &(struct abi_command){.idle_ms = 0});
	uint64_t pieces = world_count(&w, DP_COUNTER_pieces);
	/* The first chunk of a message of a million bytes on csid 6, then a long train of others.
	 */
	static const uint8_t first[] = {0x06, 0, 0, 0, 0x0f, 0x42, 0x40, 9, 1, 0, 0, 0, 0x17};
	for (uint32_t i = 0; i < sizeof(chunks); i += 2) {
		chunks[i] = 0xc6;
		chunks[i + 1] = 0x55;
	}
	give_train(&one, first, sizeof(first), 1);
	CU_ASSERT_FALSE(one.conn.closed);
	give_train(&one, chunks, sizeof(chunks), 700);
	CU_ASSERT_TRUE(one.conn.closed);
	CU_ASSERT_EQUAL(errors(RTMP_ERR(CHUNK_RATE)), 1);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_pieces) - pieces < 55000);
	CU_ASSERT_TRUE(was_told(&one, rtmp_error_sentence(RTMP_ERR(CHUNK_RATE))));
	send_media(&other, RTMP_TYPE_VIDEO, 60000);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages), 1);
	CU_ASSERT_FALSE(other.conn.closed);
	publisher_close(&one);
	publisher_close(&other);
	world_close(&w);
}

/* Second after second below the limit, it may go on; the second is the worker's. */
static void test_rate_of_a_second(void)
{
	uint8_t audio[1] = {0xaf};

	open_limited();
	publisher_open(&one, &w, "key", 4096, 1448);
	(void)accept_with(&one, &(struct abi_command){.idle_ms = 0});
	for (int second = 0; second < 5; second++) {
		w.now_us += 1u << 20;
		world_poll(&w);
		for (int i = 0; i < 4500; i++) {
			publisher_media(&one, RTMP_TYPE_AUDIO, 4, 0, audio, sizeof(audio));
		}
		publisher_pump(&one);
		CU_ASSERT_FALSE(one.conn.closed);
	}
	for (int i = 0; i < 1000; i++) {
		publisher_media(&one, RTMP_TYPE_AUDIO, 4, 0, audio, sizeof(audio));
	}
	publisher_pump(&one);
	CU_ASSERT_TRUE(one.conn.closed);
	CU_ASSERT_EQUAL(errors(RTMP_ERR(MESSAGE_RATE)), 1);
	publisher_close(&one);
	world_close(&w);
}

/* What encoders do before and while they publish stays far below all limits. */
static void test_limits_of_encoders(void)
{
	static const uint32_t chunk_sizes[] = {128, 4096, 60000};

	for (uint32_t i = 0; i < 3; i++) {
		open_limited();
		publisher_open(&one, &w, "key", chunk_sizes[i], 1448);
		(void)accept_with(&one, &(struct abi_command){.idle_ms = 0});
		for (int message = 0; message < 100; message++) {
			send_media(&one, RTMP_TYPE_VIDEO, sizeof(payload));
			send_media(&one, RTMP_TYPE_AUDIO, 300);
			world_set_tail(&w, 0, atomic_load(&world_stream(&w, 0)->head));
		}
		CU_ASSERT_FALSE(one.conn.closed);
		CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages), 200);
		publisher_close(&one);
		world_close(&w);
	}
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"message size of an application", test_message_size},
		{"idle timeout of an application", test_idle},
		{"idle, and talking", test_idle_talker},
		{"a message that takes long", test_slow_message},
		{"media that never comes", test_first_media},
		{"reasons in words", test_reasons},
		{"reconnect request", test_reconnect},
		{"asked once", test_asked_once},
		{"drain outlives control", test_drain_is_kept},
		{"one-byte chunks", test_one_byte_chunks},
		{"rate of a second", test_rate_of_a_second},
		{"limits of encoders", test_limits_of_encoders},
		{NULL, NULL},
	};

	world_start_eal();
	return suite_run("policy", tests);
}
