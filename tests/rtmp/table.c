#include "table.h"
#include "amf0_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer encoder;
struct tape tape;
struct record record;

static size_t told; /* characters of replies that were compared before */

void table_read(void)
{
	record_whole(&tape, &record);
	CU_ASSERT_EQUAL(record.violations, 0);
	CU_ASSERT_TRUE(tape_same_at_every_cut(&tape, &record));
}

void table_end(uint32_t count, int error)
{
	CU_ASSERT_EQUAL(record.count, count);
	CU_ASSERT_EQUAL(record.error, error);
}

void table_message(uint32_t i, uint32_t time, uint8_t type, uint32_t length, uint8_t seed)
{
	const struct record_entry *e = &record.entries[i];

	CU_ASSERT_FATAL(i < record.count);
	CU_ASSERT_FALSE(e->control);
	CU_ASSERT_EQUAL(e->msg.timestamp, time);
	CU_ASSERT_EQUAL(e->msg.type, type);
	CU_ASSERT_EQUAL(e->msg.length, length);
	CU_ASSERT_EQUAL(e->hash, hash_fill(seed, length));
}

void table_control(uint32_t i, uint8_t type, uint32_t value)
{
	CU_ASSERT_FATAL(i < record.count);
	CU_ASSERT_TRUE(record.entries[i].control);
	CU_ASSERT_EQUAL(record.entries[i].ctl.type, type);
	CU_ASSERT_EQUAL(record.entries[i].ctl.value, value);
}

void table_begin(void)
{
	peer_init(&encoder);
	told = 0;
}

/* Runs the tape; `events` and `replies`, of PEER_LOG bytes, are what is new. */
static void run(char *events, char *replies)
{
	encoder.log[0] = '\0';
	peer_run(&encoder, UINT32_MAX, 0);
	memcpy(events, encoder.log, PEER_LOG);
	encoder.log[0] = '\0';
	peer_read_replies(&encoder);
	memcpy(replies, encoder.log + told, strlen(encoder.log + told) + 1);
	told = strlen(encoder.log);
}

static bool differ(const char *got, const char *want)
{
	return want != NULL && strcmp(got, want) != 0;
}

void table_expect(int error, const char *events, const char *replies)
{
	static char got_events[PEER_LOG], got_replies[PEER_LOG];

	run(got_events, got_replies);
	CU_ASSERT_EQUAL(encoder.error, error);
	if (encoder.error != error) {
		printf("\n    error %d (%s)", encoder.error, rtmp_error_sentence(encoder.error));
	}
	CU_ASSERT_FALSE(differ(got_events, events));
	if (differ(got_events, events)) {
		printf("\n    events  %s\n    want    %s", got_events, events);
	}
	CU_ASSERT_FALSE(differ(got_replies, replies));
	if (differ(got_replies, replies)) {
		printf("\n    replies %s\n    want    %s", got_replies, replies);
	}
}

bool table_fails(void)
{
	static char events[PEER_LOG], replies[PEER_LOG];

	run(events, replies);
	return encoder.error != 0;
}

void table_connected(void)
{
	table_begin();
	peer_connect(&encoder);
	table_expect(0, "connected=live ", TABLE_CONNECTED);
}

void table_live(void)
{
	table_begin();
	peer_publish(&encoder);
	table_expect(0, "connected=live publish=live/key:1 ", NULL);
}

void table_send(uint8_t type, uint32_t csid, uint32_t stream_id, const void *payload, uint32_t len)
{
	struct rtmp_message msg = {
		.length = len,
		.stream_id = stream_id,
		.csid = csid,
		.type = type,
	};
	struct rtmp_out out = {
		.data = encoder.tape.bytes,
		.len = encoder.tape.len,
		.cap = TAPE_MAX,
	};

	if (!rtmp_chunk_writer_put(&encoder.writer, &msg, payload, &out)) {
		abort();
	}
	encoder.tape.len = (uint32_t)out.len;
}

const uint8_t *table_replied(const void *bytes, size_t len)
{
	const uint8_t *at = memmem(encoder.replies, encoder.out.len, bytes, len);

	return at != NULL ? at + len : NULL;
}

uint8_t table_flags(uint8_t type, const uint8_t *bytes, uint32_t len)
{
	return rtmp_classify(type, bytes, len).flags;
}

int table_head(struct rtmp_media *media, uint8_t type, const void *bytes, size_t len)
{
	uint8_t *copy = calloc(1, len != 0 ? len : 1);
	int rc;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	rc = rtmp_media_read(media, type, copy, (uint32_t)len);
	free(copy);
	return rc;
}

void table_number(uint8_t wire[9], double value)
{
	struct rtmp_out out = {.data = wire, .cap = 9};

	amf0_write_number(&out, value);
}
