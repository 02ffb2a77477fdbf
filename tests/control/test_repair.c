/*
 * Repaired timestamps (relay/timeline.h) through a whole relay: an origin that loses its connection
 * gets what it had not acknowledged again, with the timestamps that it had before.
 */
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "rig.h"
#include "rtmp/message.h"

#define GOP    10u
#define FRAMES 40u
#define JUMP   25u /* frame at which the encoder's clock begins anew: within a GOP */

static struct rig rig;
static uint32_t sent;

static uint32_t timestamp(uint32_t frame)
{
	return frame < JUMP ? 900000 + frame * 40 : (frame - JUMP) * 40;
}

static void send_frames(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, sent++) {
		struct fake_message m = {.type = RTMP_TYPE_VIDEO,
					 .flags = sent % GOP == 0 ? ABI_LOG_KEYFRAME : 0,
					 .timestamp = timestamp(sent),
					 .length = 500,
					 .slice = 200,
					 .arrived_us = (1000 + sent * 40) * US_PER_MS};

		CU_ASSERT_FATAL(fake_send(&rig.worker, 0, &m));
	}
}

/* Which frame a record is, told by its payload. */
static uint32_t frame_of(const struct fake_record *r)
{
	uint32_t frame = 0;

	while (frame < FRAMES && fake_byte(frame, 0) != r->first) {
		frame++;
	}
	return frame;
}

static bool all_right(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fake_record r = fake_origin_record(rig.origins[0], i);

		if (r.timestamp != 900000 + frame_of(&r) * 40) {
			return false;
		}
	}
	return true;
}

static void test_again(void)
{
	struct timeline_status status;
	uint32_t before;

	rig_init(&rig, 1, 0);
	rig.app.timestamps = CONFIG_TIMESTAMPS_REPAIR;
	sent = 0;
	rig_start(&rig);
	rig_publish(&rig, 0, 1);
	rig_adopt(&rig, 0, 1);
	fake_origin_mute(rig.origins[0], true); /* so that all of it comes again */
	send_frames(JUMP + 3);
	WAIT_FOR(fake_origin_count(rig.origins[0]) == sent);
	before = sent;
	fake_origin_break(rig.origins[0]);
	WAIT_FOR(fake_origin_connections(rig.origins[0]) == 2);
	send_frames(FRAMES - sent);
	WAIT_FOR(fake_origin_count(rig.origins[0]) > before &&
		 fake_origin_record(rig.origins[0], fake_origin_count(rig.origins[0]) - 1).first ==
			 fake_byte(FRAMES - 1, 0));
	/* From before the jump on, at the latest from the GOP in which it was. */
	CU_ASSERT(fake_origin_count(rig.origins[0]) >= before + FRAMES - (JUMP - JUMP % GOP));
	CU_ASSERT(all_right(fake_origin_count(rig.origins[0])));
	CU_ASSERT(relay_timeline(rig.relay, 0, 1, &status));
	CU_ASSERT(status.repair);
	CU_ASSERT_EQUAL(status.jumps, 1);
	CU_ASSERT_EQUAL(status.repaired, 1);
	CU_ASSERT_FALSE(relay_timeline(rig.relay, 0, 2, &status));
	rig_fini(&rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"the same again", test_again},
		CU_TEST_INFO_NULL,
	};

	rig_journal_init();
	return check_run("repair", tests);
}
