/*
 * Batches: what comes out of the socket is the same bytes, whatever the socket takes at a time and
 * wherever the batch is cut off from the log.
 */
#include "relay/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "fake_worker.h"

#define MESSAGES 40u
#define WIRE_MAX (8u << 20)

static struct fake_worker worker;
static struct log_view view;
static struct rtmp_chunk_writer writer;
static struct log_cursor cursor;
static struct batch batch;
static uint8_t expected[WIRE_MAX];
static uint8_t got[WIRE_MAX];
static size_t expected_length;

static void set_up(void)
{
	const uint8_t *base;

	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	base = (const uint8_t *)worker.pub;
	view = (struct log_view){
		.units = (const union abi_log_unit *)(base + worker.pub->blocks_offset),
		.block_next = (const _Atomic uint32_t *)(base + worker.pub->block_next_offset),
		.blocks = FAKE_BLOCKS,
		.regions = &worker.regions,
	};
	fake_pending(&worker, 0, 1, "live", "x");
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct fake_message m = {i % 3 ? 9 : 8, 0, i * 20, i * i * 97, 100 + i};

		CU_ASSERT(fake_send(&worker, 0, &m));
	}
	rtmp_chunk_writer_init(&writer, 60000);
	log_cursor_init(&cursor, 0, fake_stream(&worker, 0)->first_block);
	batch_init(&batch);
}

/* The same messages through the chunk writer alone. */
static void make_expected(uint32_t from, uint32_t to)
{
	static uint8_t payload[MESSAGES * MESSAGES * 97];
	struct rtmp_chunk_writer plain;
	struct rtmp_out out = {expected, 0, sizeof(expected), false};

	rtmp_chunk_writer_init(&plain, 60000);
	for (uint32_t i = from; i < to; i++) {
		struct rtmp_message msg = batch_message(i % 3 ? 9 : 8, i * 20, i * i * 97, 1);

		for (uint32_t b = 0; b < msg.length; b++) {
			payload[b] = fake_byte(i, b);
		}
		CU_ASSERT(rtmp_chunk_writer_put(&plain, &msg, payload, &out));
	}
	expected_length = out.len;
}

static size_t drain(int fd, size_t at)
{
	ssize_t n;

	while ((n = recv(fd, got + at, sizeof(got) - at, MSG_DONTWAIT)) > 0) {
		at += (size_t)n;
	}
	return at;
}

/* Sends all there is; the log is cut off after `detach_at` sends. */
static void run(int buffer, int detach_at, bool expect_all)
{
	uint64_t head;
	size_t at = 0;
	int sends = 0;
	int fds[2];

	set_up();
	head = fake_stream(&worker, 0)->head;
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	for (;;) {
		if (batch_empty(&batch)) {
			if (!expect_all && sends > detach_at) {
				break;
			}
			CU_ASSERT_EQUAL_FATAL(batch_fill(&batch, &writer, 1, &view, &cursor, head),
					      0);
			if (batch_empty(&batch)) {
				break;
			}
		}
		if (batch_send(&batch, fds[0]) < 0) {
			CU_ASSERT_FATAL(errno == EAGAIN);
		}
		if (sends++ == detach_at) {
			CU_ASSERT_EQUAL(batch_detach(&batch, &writer, &view), 0);
			CU_ASSERT_FALSE(batch.open);
			CU_ASSERT_EQUAL(batch_hold(&batch, &cursor), log_cursor_hold(&cursor));
			if (!expect_all) {
				/* It reads nothing there any more. */
				memset(worker.packets, 0xee, FAKE_PACKETS);
			}
		}
		at = drain(fds[1], at);
	}
	at = drain(fds[1], at);
	make_expected(0, expect_all ? MESSAGES : (uint32_t)cursor.messages);
	CU_ASSERT_EQUAL(at, expected_length);
	CU_ASSERT_EQUAL(memcmp(got, expected, expected_length), 0);
	batch_fini(&batch);
	close(fds[0]);
	close(fds[1]);
	fake_worker_fini(&worker);
}

static void test_whole(void)
{
	run(1 << 20, -1, true);
}

static void test_small_writes(void)
{
	run(1, -1, true); /* the kernel's least */
}

static void test_detached_anywhere(void)
{
	for (int at = 0; at < 60; at += 3) {
		run(1, at, true);
		run(1, at, false);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"whole", test_whole},
		{"small writes", test_small_writes},
		{"cut off from the log anywhere", test_detached_anywhere},
		CU_TEST_INFO_NULL,
	};

	return check_run("batch", tests);
}
