/*
 * One direction of the bridge on a clock of its own: delay, rate, queue, and what chance does.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "tests/goodput/direction.h"
#include "tests/goodput/pattern.h"

#define FRAMES 4096u
#define LEN    UINT64_C(1000)
#define US     UINT64_C(1000)

static struct direction way;

static void start(const struct direction_config *config)
{
	struct direction_config c = *config;

	c.frames = FRAMES;
	CU_ASSERT_EQUAL_FATAL(direction_init(&way, &c), 0);
}

/* An IPv4 frame that says its number. */
static void put(uint32_t number, uint16_t type, uint64_t now_ns)
{
	struct direction_frame *frame = direction_get(&way);

	CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
	if (frame == NULL) {
		return;
	}
	memset(frame->bytes, 0, LEN);
	frame->len = (uint32_t)LEN;
	frame->bytes[12] = (uint8_t)(type >> 8);
	frame->bytes[13] = (uint8_t)type;
	memcpy(frame->bytes + 100, &number, sizeof(number));
	direction_put(&way, frame, now_ns);
}

/* Number of the next frame that leaves by then; UINT32_MAX for none. */
static uint32_t take(uint64_t now_ns)
{
	struct direction_frame *frame = direction_take(&way, now_ns);
	uint32_t number = UINT32_MAX;

	if (frame != NULL) {
		memcpy(&number, frame->bytes + 100, sizeof(number));
		direction_free(&way, frame);
	}
	return number;
}

static void finish(void)
{
	while (take(UINT64_MAX) != UINT32_MAX) {
	}
	CU_ASSERT_EQUAL(way.idle_count, FRAMES);
	direction_fini(&way);
}

static void test_delay(void)
{
	start(&(struct direction_config){.delay_us = 50});
	CU_ASSERT_EQUAL(direction_due_ns(&way), UINT64_MAX);
	put(1, 0x0800, 10 * US);
	put(2, 0x0800, 10 * US);
	CU_ASSERT_EQUAL(direction_due_ns(&way), 60 * US);
	CU_ASSERT_EQUAL(take(60 * US - 1), UINT32_MAX);
	CU_ASSERT_EQUAL(take(60 * US), 1);
	CU_ASSERT_EQUAL(take(60 * US), 2);
	CU_ASSERT_EQUAL(take(60 * US), UINT32_MAX);
	finish();
}

/* 1,024 bytes with what Ethernet adds, at 8,192,000 bits a second: a millisecond each. */
static void test_rate_and_queue(void)
{
	start(&(struct direction_config){.rate_bps = 8192000, .queue_bytes = 3 * (LEN + 24)});
	for (uint32_t i = 0; i < 10; i++) {
		put(i, 0x0800, 0);
	}
	for (uint32_t i = 0; i < way.counts.passed; i++) {
		CU_ASSERT_EQUAL(direction_due_ns(&way), (i + 1) * (1000 * US));
		CU_ASSERT_EQUAL(take(UINT64_MAX), i);
	}
	CU_ASSERT_EQUAL(way.counts.passed, 3);
	CU_ASSERT_EQUAL(way.counts.queue_full, 7);
	/* A link that was idle begins anew, and has saved nothing up. */
	put(20, 0x0800, 100000 * US);
	CU_ASSERT_EQUAL(direction_due_ns(&way), 101000 * US);
	finish();
}

static void test_chance_is_as_asked(void)
{
	uint32_t got = 0;

	start(&(struct direction_config){.loss_ppm = 100000, .duplicate_ppm = 50000, .seed = 7});
	for (uint32_t i = 0; i < 100000; i++) {
		put(i, 0x0800, i * US);
		while (take(i * US) != UINT32_MAX) {
			got++;
		}
	}
	CU_ASSERT_TRUE(way.counts.lost > 9500 && way.counts.lost < 10500);
	CU_ASSERT_TRUE(way.counts.duplicated > 4200 && way.counts.duplicated < 4800);
	CU_ASSERT_EQUAL(got, 100000 - way.counts.lost + way.counts.duplicated);
	finish();
}

/* Sum of the numbers lost, which tells one fate from another. */
static uint64_t fate(const struct direction_config *config, uint64_t every)
{
	uint64_t sum = 0;

	start(config);
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t lost = way.counts.lost;

		put(i, 0x0800, i * (every * US));
		sum += way.counts.lost != lost ? i : 0;
		while (take(i * (every * US)) != UINT32_MAX) {
		}
	}
	finish();
	return sum;
}

/* The seed decides, and neither the time nor what else the link does. */
static void test_seed_decides(void)
{
	struct direction_config c = {.loss_ppm = 20000, .seed = 3};
	uint64_t first = fate(&c, 1);

	CU_ASSERT_EQUAL(fate(&c, 17), first);
	c.rate_bps = 1000000000;
	c.queue_bytes = 1 << 20;
	CU_ASSERT_EQUAL(fate(&c, 9), first);
	c.seed = 4;
	CU_ASSERT_NOT_EQUAL(fate(&c, 1), first);
}

/* Late frames are overtaken, by no more than they are late; the others stay in order. */
static void test_reordering(void)
{
	uint32_t highest = 0, overtaken = 0;

	start(&(struct direction_config){
		.delay_us = 100, .reorder_ppm = 50000, .reorder_us = 50, .seed = 5});
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t got;

		put(i, 0x0800, i * (10 * US));
		while ((got = take(i * (10 * US))) != UINT32_MAX) {
			if (got < highest) {
				overtaken++;
				CU_ASSERT_TRUE(highest - got <= 5);
			}
			highest = got > highest ? got : highest;
		}
	}
	CU_ASSERT_TRUE(overtaken > 50 && overtaken <= way.counts.reordered);
	finish();
}

static uint32_t bits_set(const struct direction_frame *frame)
{
	uint32_t bits = 0;

	for (uint32_t i = 34; i < frame->len; i++) {
		bits += (uint32_t)__builtin_popcount(frame->bytes[i]);
	}
	return bits;
}

static void test_corruption_turns_one_bit(void)
{
	start(&(struct direction_config){.corrupt_ppm = 1000000, .seed = 11});
	for (uint32_t i = 0; i < 1000; i++) {
		put(0, 0x0800, 0);
		struct direction_frame *frame = direction_take(&way, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
		if (frame == NULL) {
			break;
		}
		CU_ASSERT_EQUAL(bits_set(frame), 1);
		CU_ASSERT_EQUAL(frame->bytes[12], 0x08);
		direction_free(&way, frame);
	}
	CU_ASSERT_EQUAL(way.counts.corrupted, 1000);
	finish();
}

/* Who loses an ARP request measures its timer. */
static void test_arp_passes(void)
{
	start(&(struct direction_config){.loss_ppm = 1000000, .corrupt_ppm = 1000000});
	put(9, 0x0806, 0);
	CU_ASSERT_EQUAL(take(0), 9);
	put(9, 0x86dd, 0);
	CU_ASSERT_EQUAL(take(0), UINT32_MAX);
	finish();
}

static void test_full_bridge(void)
{
	start(&(struct direction_config){.delay_us = 1000, .duplicate_ppm = 1000000});
	for (uint32_t i = 0; i < FRAMES / 2; i++) {
		put(i, 0x0800, 0);
	}
	CU_ASSERT_PTR_NULL(direction_get(&way));
	CU_ASSERT_EQUAL(take(1000 * US), 0);
	put(9, 0x0800, 0);
	CU_ASSERT_EQUAL(way.counts.no_frame, 1);
	finish();
}

static void test_pattern(void)
{
	static uint8_t pattern[PATTERN_SIZE];

	pattern_fill(pattern);
	CU_ASSERT_EQUAL(memcmp(pattern, pattern + PATTERN_PERIOD, PATTERN_PIECE), 0);
	CU_ASSERT_PTR_EQUAL(pattern_at(pattern, PATTERN_PERIOD + 5), pattern + 5);
	CU_ASSERT_NOT_EQUAL(memcmp(pattern, pattern + 1, 64), 0);
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("direction", NULL, NULL);
	CU_ADD_TEST(suite, test_delay);
	CU_ADD_TEST(suite, test_rate_and_queue);
	CU_ADD_TEST(suite, test_chance_is_as_asked);
	CU_ADD_TEST(suite, test_seed_decides);
	CU_ADD_TEST(suite, test_reordering);
	CU_ADD_TEST(suite, test_corruption_turns_one_bit);
	CU_ADD_TEST(suite, test_arp_passes);
	CU_ADD_TEST(suite, test_full_bridge);
	CU_ADD_TEST(suite, test_pattern);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
