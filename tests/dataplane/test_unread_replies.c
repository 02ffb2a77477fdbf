/* Which of the bytes that TCP holds are replies (dataplane/unread_replies.h). */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "dataplane/unread_replies.h"
#include "suite.h"

/* Without media it is what TCP holds. */
static void test_alone(void)
{
	struct unread_replies u;

	unread_replies_init(&u);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 100), 100);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 200), 200);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 300), 300);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 150), 150);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 100), 100);
}

/* Media is not counted, however much of it there is. */
static void test_media(void)
{
	struct unread_replies u;

	unread_replies_init(&u);
	unread_replies_pass(&u, 1000000);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 1000100), 100);
	unread_replies_pass(&u, 1000000);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 50, 2000150), 150);
}

/* 0        1000     1100     2100 2150      one who reads all of it in its time */
static void test_read(void)
{
	struct unread_replies u;

	unread_replies_init(&u);
	for (int i = 0; i < 1000; i++) {
		unread_replies_pass(&u, 1000);
		CU_ASSERT_TRUE(unread_replies_add(&u, 100, 2200) <= 5 * 100);
	}
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 100), 100);
}

/* Never less than there is: whatever is read in between, and how little of it. */
static void test_bound(void)
{
	struct unread_replies u;
	static uint32_t reply_at[4096]; /* bytes of replies that begin at this byte */
	uint32_t given = 0;
	uint32_t read = 0;

	unread_replies_init(&u);
	for (uint32_t i = 0; given < 4000; i++) {
		if (i % 3 != 0) {
			uint32_t media = i * 7 % 23;

			unread_replies_pass(&u, media);
			given += media;
		}
		reply_at[given] = 1;
		given++;
		read += i % 5 == 0 ? (given - read) * (i % 11) / 11 : 0;
		uint32_t there = 0;
		for (uint32_t at = read; at < given; at++) {
			there += reply_at[at];
		}
		uint32_t counted = unread_replies_add(&u, 1, given - read);
		CU_ASSERT_TRUE(counted >= there);
		CU_ASSERT_TRUE(counted <= given - read);
	}
}

/* Gigabytes later. */
static void test_long(void)
{
	struct unread_replies u;

	unread_replies_init(&u);
	CU_ASSERT_EQUAL(unread_replies_add(&u, 100, 100), 100);
	for (int i = 0; i < 3; i++) {
		unread_replies_pass(&u, UINT32_MAX);
	}
	CU_ASSERT_EQUAL(unread_replies_add(&u, 10, 1000), 10);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"replies alone", test_alone},  {"behind media", test_media},
		{"read in time", test_read},    {"never less than there is", test_bound},
		{"after gigabytes", test_long}, {.name = NULL},
	};

	return suite_run("dataplane/unread_replies", tests);
}
