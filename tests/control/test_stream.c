/*
 * Ends that are easily got wrong: a shutdown with an origin behind, slots that are used again under
 * a stream that is not over, and answers to an origin in the middle of a message.
 */
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "rig.h"

#define VIDEO          9
#define RECEIVE_BUFFER 262144
#define SEND_BUFFER    131072

static struct rig rig;
static uint32_t sent; /* messages of the stream under way */

static void set_up(uint64_t shutdown_us)
{
	rig_init(&rig, 2, RECEIVE_BUFFER);
	rig.settings.send_buffer = SEND_BUFFER;
	rig.settings.shutdown_us = shutdown_us;
	rig.configs[0].behind_max_kib = 32768;
	rig.configs[1].behind_max_kib = 32768;
	rig_start(&rig);
}

static void go_live(uint64_t generation)
{
	rig_publish(&rig, 0, generation);
	sent = 0;
	rig_adopt(&rig, 0, generation);
}

static void send_frames(uint32_t count, uint32_t length, uint32_t slice)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fake_message m = {VIDEO, sent == 0 ? ABI_LOG_KEYFRAME : 0, sent * 40, length,
					 slice};

		CU_ASSERT_FATAL(fake_send(&rig.worker, 0, &m));
		sent++;
	}
}

/* Messages 0 to `sent` from record `first` on, each whole. */
static bool all_came(struct fake_origin *o, uint32_t first)
{
	if (fake_origin_count(o) != first + sent) {
		return false;
	}
	for (uint32_t i = 0; i < sent; i++) {
		struct fake_record r = fake_origin_record(o, first + i);

		if (!r.intact || r.first != fake_byte(i, 0) || r.timestamp != i * 40) {
			return false;
		}
	}
	return true;
}

/* The first origin has 3 of its messages, and the rest waits here for it. */
static void fall_behind(void)
{
	send_frames(3, 2000, 1448);
	WAIT_FOR(fake_origin_count(rig.origins[0]) == 3 && fake_origin_count(rig.origins[1]) == 3);
	fake_origin_stall(rig.origins[0], true);
	send_frames(150, 20000, 1448);
	WAIT_FOR(all_came(rig.origins[1], 0));
}

/* SIGTERM: an origin that reads on within the time gets all that is there, then the end. */
static void test_shutdown_waits_for_who_is_behind(void)
{
	set_up(60 * US_PER_S);
	go_live(1);
	fall_behind();
	relay_shutdown(rig.relay);
	WAIT_FOR(fake_origin_unpublished(rig.origins[1]) == 1); /* it has been told */
	CU_ASSERT_FALSE(relay_stopped(rig.relay));
	fake_origin_stall(rig.origins[0], false);
	WAIT_FOR(relay_stopped(rig.relay));
	CU_ASSERT(all_came(rig.origins[0], 0));
	CU_ASSERT_EQUAL(fake_origin_unpublished(rig.origins[0]), 1);
	CU_ASSERT_EQUAL(fake_origin_connections(rig.origins[0]), 1);
	rig_fini(&rig);
}

/* ... and one that does not is waited for no longer than that. */
static void test_shutdown_ends(void)
{
	set_up(100 * US_PER_MS);
	go_live(1);
	fall_behind();
	relay_shutdown(rig.relay);
	WAIT_FOR(relay_stopped(rig.relay));
	CU_ASSERT(fake_origin_count(rig.origins[0]) < sent);
	CU_ASSERT(all_came(rig.origins[1], 0));
	rig_fini(&rig);
}

/*
 * What the next publications may have made of all blocks: neither entries nor references. The
 * worker is another process, which ThreadSanitizer does not see, and it may write while the relay
 * reads.
 */
__attribute__((no_sanitize("thread"))) static void overwrite_blocks(void)
{
	uint8_t *blocks = (uint8_t *)rig.worker.pub + rig.worker.pub->blocks_offset;
	volatile uint64_t *words = (volatile uint64_t *)(void *)blocks;

	for (size_t i = 0; i < FAKE_BLOCKS * sizeof(struct abi_log_block) / sizeof(*words); i++) {
		words[i] = 0;
	}
}

/*
 * While we shut down nobody looks whose the slot is. What an origin still has to get is written
 * over: that log is broken, and the tail is the next publication's, not ours to move.
 */
static void test_tail_of_the_next_is_left_alone(void)
{
	set_up(60 * US_PER_S);
	go_live(1);
	fall_behind();
	relay_shutdown(rig.relay);
	WAIT_FOR(fake_origin_unpublished(rig.origins[1]) == 1);
	fake_end(&rig.worker, 0);
	fake_free(&rig.worker, 0);
	go_live(3);
	WAIT_FOR(relay_counter(rig.relay, RELAY_COUNTER_relay_streams_adopted) == 2);
	CU_ASSERT_EQUAL(rig.worker.sub->tail[0].generation, 3);
	overwrite_blocks();
	fake_origin_stall(rig.origins[0], false);
	WAIT_FOR(relay_counter(rig.relay, RELAY_COUNTER_relay_log_broken) == 1);
	relay_stop(rig.relay); /* after the turn in which that was seen */
	CU_ASSERT_EQUAL(rig.worker.sub->tail[0].generation, 3);
	CU_ASSERT_EQUAL(rig.worker.sub->tail[0].position, 0);
	rig_fini(&rig);
}

static void break_log(void)
{
	const struct abi_stream *stream = fake_stream(&rig.worker, 0);
	union abi_log_unit *units =
		(union abi_log_unit *)((uint8_t *)rig.worker.pub + rig.worker.pub->blocks_offset);

	units[(uint64_t)stream->first_block * ABI_LOG_BLOCK_UNITS + 1].slices[0] =
		abi_ref_make(9, 0, 64, 102);
}

/* A broken log is over when its slot is another's, whose end is not taken for its own. */
static void test_slot_of_a_broken_log_is_used_again(void)
{
	set_up(US_PER_S);
	rig_publish(&rig, 0, 1);
	sent = 0;
	send_frames(3, 100, 100);
	break_log();
	rig_adopt(&rig, 0, 1);
	WAIT_FOR(relay_counter(rig.relay, RELAY_COUNTER_relay_log_broken) == 1);
	WAIT_FOR(rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	/* Nor does it keep what its publisher goes on to write. */
	send_frames(3, 100, 100);
	WAIT_FOR(rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	CU_ASSERT_EQUAL(fake_origin_count(rig.origins[0]) + fake_origin_count(rig.origins[1]), 0);
	fake_free(&rig.worker, 0);
	go_live(3);
	send_frames(10, 500, 500);
	fake_end(&rig.worker, 0);
	for (int o = 0; o < 2; o++) {
		WAIT_FOR(fake_origin_unpublished(rig.origins[o]) == 1);
		CU_ASSERT(all_came(rig.origins[o], 0));
	}
	WAIT_FOR(rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	usleep(50000); /* some ticks: whoever is still there looks at its slot */
	CU_ASSERT_EQUAL(relay_counter(rig.relay, RELAY_COUNTER_relay_streams_finished), 1);
	CU_ASSERT_EQUAL(rig.worker.sub->tail[0].generation, 3);
	rig_fini(&rig);
}

/*
 * Pings while a long message goes out in many batches, which end anywhere in its chunks: the
 * answers wait for its end (RTMP specification 5.3.1: a chunk is sent in its entirety).
 */
static void test_answers_wait_for_the_end_of_a_message(void)
{
	set_up(US_PER_S);
	go_live(1);
	send_frames(1, 2000, 1448);
	WAIT_FOR(fake_origin_count(rig.origins[0]) == 1);
	fake_origin_ping(rig.origins[0], true);
	for (uint32_t i = 0; i < 20; i++) {
		send_frames(1, 900000, 333);
		WAIT_FOR(fake_origin_count(rig.origins[0]) == sent);
	}
	CU_ASSERT(fake_origin_pings(rig.origins[0]) > 0);
	CU_ASSERT(all_came(rig.origins[0], 0));
	CU_ASSERT_EQUAL(fake_origin_connections(rig.origins[0]), 1);
	rig_fini(&rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a shutdown waits for who is behind", test_shutdown_waits_for_who_is_behind},
		{"... but not for ever", test_shutdown_ends},
		{"the tail of the next is left alone", test_tail_of_the_next_is_left_alone},
		{"the slot of a broken log is used again", test_slot_of_a_broken_log_is_used_again},
		{"answers wait for the end", test_answers_wait_for_the_end_of_a_message},
		CU_TEST_INFO_NULL,
	};

	rig_journal_init();
	return check_run("stream", tests);
}
