/*
 * Marks against a plain list of all of them: never late, exact while there is room. Places to begin
 * at: which one is found, which ones stay.
 */
#include "relay/marks.h"
#include "relay/starts.h"

#include <string.h>

#include "check.h"

static void test_exact_while_there_is_room(void)
{
	struct marks m = {0};

	CU_ASSERT_EQUAL_FATAL(marks_reserve(&m), 0);
	marks_init(&m, 3073, 7);
	for (uint64_t i = 1; i < MARKS_MAX; i++) {
		marks_add(&m, 3073 + i * 100, 7 + i);
	}
	CU_ASSERT_EQUAL(marks_reached(&m, 0), 7);
	CU_ASSERT_EQUAL(marks_reached(&m, 3172), 7);
	CU_ASSERT_EQUAL(marks_reached(&m, 3173), 8);
	CU_ASSERT_EQUAL(marks_reached(&m, 3274), 9);
	CU_ASSERT_EQUAL(marks_reached(&m, UINT64_MAX), 7 + MARKS_MAX - 1);
	marks_add(&m, 99999, 7 + MARKS_MAX - 1); /* known already */
	CU_ASSERT_EQUAL(m.count, MARKS_MAX);
	marks_forget(&m, 3274);
	CU_ASSERT_EQUAL(m.count, MARKS_MAX - 2);
	CU_ASSERT_EQUAL(marks_reached(&m, 3274), 9);
	marks_forget(&m, UINT64_MAX);
	CU_ASSERT_EQUAL(m.count, 1);
	marks_clear(&m);
}

static uint64_t random_state = 1;

static uint64_t next_random(uint64_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (random_state >> 33) % below;
}

/* Message n begins at begins[n]. */
static void test_never_late(void)
{
	static uint64_t begins[20001];
	struct marks m = {0};
	uint64_t acked = 0;

	CU_ASSERT_EQUAL_FATAL(marks_reserve(&m), 0);
	marks_init(&m, 0, 0);
	for (uint64_t n = 1; n <= 20000; n++) {
		uint64_t reached;

		begins[n] = begins[n - 1] + next_random(5000);
		marks_add(&m, begins[n], n);
		if (next_random(200) > 0) {
			continue;
		}
		acked += next_random(begins[n] - acked + 1);
		reached = marks_reached(&m, acked);
		CU_ASSERT(begins[reached] <= acked);
		marks_forget(&m, acked);
		CU_ASSERT_EQUAL(marks_reached(&m, acked), reached);
	}
	CU_ASSERT_EQUAL(marks_reached(&m, begins[20000]), 20000);
	marks_clear(&m);
}

static void add_start(struct starts *starts, uint64_t number)
{
	struct log_message message = {.entry = {.number = number}, .at = {.position = number * 3}};

	starts_add(starts, &message, NULL, 0);
}

static void test_starts(void)
{
	static struct starts starts;

	CU_ASSERT_PTR_NULL(starts_for(&starts, 5, 0));
	CU_ASSERT_PTR_NULL(starts_newest(&starts));
	add_start(&starts, 10);
	add_start(&starts, 20);
	add_start(&starts, 30);
	CU_ASSERT_EQUAL(starts_for(&starts, 25, 0)->cursor.messages, 20);
	CU_ASSERT_EQUAL(starts_for(&starts, 20, 0)->cursor.messages, 20);
	CU_ASSERT_EQUAL(starts_for(&starts, 19, 0)->cursor.messages, 10);
	CU_ASSERT_EQUAL(starts_for(&starts, 3, 0)->cursor.messages, 10);
	CU_ASSERT_EQUAL(starts_for(&starts, 3, 11)->cursor.messages, 20);
	CU_ASSERT_EQUAL(starts_for(&starts, 99, 11)->cursor.messages, 30);
	CU_ASSERT_PTR_NULL(starts_for(&starts, 99, 31));
	starts_release(&starts, 60);
	CU_ASSERT_EQUAL(starts.count, 2);
	CU_ASSERT_EQUAL(starts_for(&starts, 3, 0)->cursor.messages, 20);
	for (uint64_t n = 31; n < 200; n++) {
		add_start(&starts, n);
		CU_ASSERT_EQUAL(starts.list[0].cursor.messages, 20);
		CU_ASSERT_EQUAL(starts_newest(&starts)->cursor.messages, n);
		CU_ASSERT(starts_for(&starts, n - 20, 0)->cursor.messages <= n - 20 || n < 40);
		for (uint64_t back = 0; back < STARTS_NEW && n - back > 30; back++) {
			CU_ASSERT_EQUAL(starts_for(&starts, n - back, 0)->cursor.messages,
					n - back);
		}
	}
	starts_clear(&starts);
	CU_ASSERT_EQUAL(starts.count, 0);
	starts_fini(&starts);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"exact while there is room", test_exact_while_there_is_room},
		{"never late", test_never_late},
		{"places to begin at", test_starts},
		CU_TEST_INFO_NULL,
	};

	return check_run("marks", tests);
}
