/*
 * Numbers and lists on command lines.
 */
#include "bench/common/option.h"
#include "tests/control/check.h"

static void test_items(void)
{
	const char *text = ",one,,two,a longer one,";
	char item[8];

	CU_ASSERT_FATAL(option_item(&text, item, sizeof(item)));
	CU_ASSERT_STRING_EQUAL(item, "one");
	CU_ASSERT_FATAL(option_item(&text, item, sizeof(item)));
	CU_ASSERT_STRING_EQUAL(item, "two");
	CU_ASSERT_FATAL(option_item(&text, item, sizeof(item)));
	CU_ASSERT_STRING_EQUAL(item, "a longe");
	CU_ASSERT_FALSE(option_item(&text, item, sizeof(item)));
	text = "";
	CU_ASSERT_FALSE(option_item(&text, item, sizeof(item)));
}

static void test_numbers(void)
{
	static const char *const wrong[] = {
		"", "-1", "+5", " 5", "5x", "4", "11", "0x7", "99999999999999999999"};
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CU_ASSERT_EQUAL(option_number(wrong[i], 5, 10, &value), -1);
	}
	CU_ASSERT_EQUAL(value, 0);
	CU_ASSERT_EQUAL(option_number("5", 5, 10, &value), 0);
	CU_ASSERT_EQUAL(value, 5);
	CU_ASSERT_EQUAL(option_number("010", 5, 10, &value), 0);
	CU_ASSERT_EQUAL(value, 10);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"items of a list", test_items},
		{"numbers", test_numbers},
		CU_TEST_INFO_NULL,
	};

	return check_run("option", tests);
}
