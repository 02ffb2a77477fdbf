/*
 * Who may publish: one row per case.
 */
#include "auth.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "text.h"

static char app_keyed[] = "live";
static char app_open[] = "open/sub";
static char name_a[] = "studio";
static char key_a[] = "s3cret+/=&?";
static char name_b[] = "stage/left";
static char key_b[] = "k2";
static char name_bad[] = "../etc";
static char key_bad[] = "k3";

static struct config_key keys[] = {
	{.name = name_a, .key = key_a},
	{.name = name_b, .key = key_b},
	{.name = name_bad, .key = key_bad},
};

static struct config_app apps[] = {
	{.name = app_keyed, .keys = keys, .keys_count = 3},
	{.name = app_open, .open = true, .keys = keys, .keys_count = 2},
};

static const struct config config = {.apps = apps, .apps_count = 2};

#define ACCEPT (-1)

struct row {
	const char *app;
	const char *asked;
	int reject; /* or ACCEPT */
	const char *name;
};

static const struct row rows[] = {
	/* name?key=SECRET */
	{"live", "studio?key=s3cret%2B/=%26%3F", ACCEPT, "studio"},
	{"live", "studio?a=b&key=s3cret%2b/=%26?&c=d", ACCEPT, "studio"},
	{"live", "stage/left?key=k2", ACCEPT, "stage/left"},
	{"live", "stage/left?key=k%32", ACCEPT, "stage/left"},
	{"live", "studio?key=k2", RTMP_REJECT_AUTH, ""}, /* another stream's key */
	{"live", "other?key=k2", RTMP_REJECT_AUTH, ""},
	{"live", "stage/left?key=", RTMP_REJECT_AUTH, ""},
	{"live", "stage/left?key=k", RTMP_REJECT_AUTH, ""},
	{"live", "stage/left?key=k22", RTMP_REJECT_AUTH, ""},
	{"live", "stage/left?key=x&key=k2", RTMP_REJECT_AUTH, ""}, /* the first counts */
	{"live", "stage/left?xkey=k2", RTMP_REJECT_AUTH, ""},
	{"live", "stage/left?key=k2%00", RTMP_REJECT_AUTH, ""},
	/* SECRET */
	{"live", "k2", ACCEPT, "stage/left"},
	{"live", "?key=k2", ACCEPT, "stage/left"}, /* nothing but the query */
	{"open/sub", "?a=b&key=k2", ACCEPT, "stage/left"},
	{"live", "?key=k", RTMP_REJECT_NAME, ""},
	{"live", "?key=", RTMP_REJECT_NAME, ""},
	{"live", "k2?bandwidthtest=true", ACCEPT, "stage/left"},
	{"live", "s3cret+/=&?", ACCEPT, "studio"},
	{"live", "K2", RTMP_REJECT_AUTH, ""},
	{"live", "studio", RTMP_REJECT_AUTH, ""},
	{"live/", "k2", ACCEPT, "stage/left"},
	/* applications */
	{"liv", "k2", RTMP_REJECT_APP, ""},
	{"live2", "k2", RTMP_REJECT_APP, ""},
	{"live//", "k2", RTMP_REJECT_APP, ""},
	{"", "k2", RTMP_REJECT_APP, ""},
	/* open */
	{"open/sub", "anything", ACCEPT, "anything"},
	{"open/sub", "anything?key=nonsense", ACCEPT, "anything"},
	{"open/sub", "k2", ACCEPT, "stage/left"}, /* a key stays a key */
	{"open/sub", "stage/left?key=k2", ACCEPT, "stage/left"},
	{"open/sub", "stage/left", RTMP_REJECT_AUTH, ""}, /* and its name is its owner's */
	{"open/sub", "stage/left?key=s3cret%2B/=%26%3F", RTMP_REJECT_AUTH, ""},
	/* names */
	{"open/sub", "", RTMP_REJECT_NAME, ""},
	{"open/sub", "?key=nobodys", RTMP_REJECT_NAME, ""},
	{"open/sub", "a\nb", RTMP_REJECT_NAME, ""},
	{"open/sub", "a\x1b[31mb", RTMP_REJECT_NAME, ""},
	{"open/sub", "a\xc2\x9b", RTMP_REJECT_NAME, ""}, /* CSI in 8 bits */
	{"open/sub", "../x", RTMP_REJECT_NAME, ""},
	{"open/sub", "a/../x", RTMP_REJECT_NAME, ""},
	{"open/sub", "a/..", RTMP_REJECT_NAME, ""},
	{"open/sub", "/a", RTMP_REJECT_NAME, ""},
	{"open/sub", "a..b", ACCEPT, "a..b"},
	{"open/sub", "gr\xc3\xbc\xc3\x9f", ACCEPT, "gr\xc3\xbc\xc3\x9f"},
	{"open/sub", "a\xff", RTMP_REJECT_NAME, ""},
	{"open/sub", "a\xc0\xaf", RTMP_REJECT_NAME, ""}, /* overlong '/' */
	{"live", "k3", RTMP_REJECT_NAME, ""},            /* a bad name in the configuration */
};

static void test_table(void)
{
	struct auth *auth = auth_create(&config);

	CU_ASSERT_PTR_NOT_NULL_FATAL(auth);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct auth_decision decision;
		bool right;

		auth_decide(auth, row->app, row->asked, &decision);
		right = row->reject == ACCEPT
				? decision.accepted
				: !decision.accepted && (int)decision.reject == row->reject;
		right = right && strcmp(decision.name, row->name) == 0;
		if (!right) {
			printf("\n    row %zu: %s %s -> %d %d \"%s\"\n", i, row->app, row->asked,
			       decision.accepted, decision.reject, decision.name);
		}
		CU_ASSERT(right);
	}
	auth_destroy(auth);
}

static void test_name_length(void)
{
	struct auth *auth = auth_create(&config);
	struct auth_decision decision;
	char name[257];

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	auth_decide(auth, "open/sub", name, &decision);
	CU_ASSERT(!decision.accepted && decision.reject == RTMP_REJECT_NAME);
	name[255] = '\0';
	auth_decide(auth, "open/sub", name, &decision);
	CU_ASSERT(decision.accepted);
	auth_destroy(auth);
}

static void test_printable(void)
{
	char out[16];

	text_printable(out, sizeof(out), "a\x1b[2J\n\xc3\xa4\xff", 64);
	CU_ASSERT_STRING_EQUAL(out, "a?[2J?\xc3\xa4?");
	text_printable(out, 4, "ab\xc3\xa4", 64); /* does not cut a character in two */
	CU_ASSERT_STRING_EQUAL(out, "ab");
	text_printable(out, sizeof(out), (const char[]){'a', 'b', '\xc3'}, 3); /* no NUL */
	CU_ASSERT_STRING_EQUAL(out, "ab?");
	CU_ASSERT_FALSE(text_take(out, (const char[]){'a', 'b'}, 2));
	CU_ASSERT(text_take(out, "ab", 3));
	CU_ASSERT_STRING_EQUAL(out, "ab");
	text_printable(out, sizeof(out), "", 1);
	CU_ASSERT_STRING_EQUAL(out, "");
}

static void expect_masked(const char *text, const char *name, const char *masked)
{
	char copy[64];

	text_copy(copy, sizeof(copy), text);
	text_mask(copy, name);
	CU_ASSERT_STRING_EQUAL(copy, masked);
}

static void test_mask(void)
{
	expect_masked("live_77 is busy", "live_77", "*** is busy");
	expect_masked("live_77live_77", "live_77", "******");
	expect_masked("app/live_77?auth=abcd&x=y", "live_77?auth=abcd&x=y", "app/***");
	expect_masked("live_77: abcd is wrong", "live_77?auth=abcd&x=y", "***: *** is wrong");
	expect_masked("busy: live_", "live_77", "busy: ***"); /* cut */
	expect_masked("x=y is short", "live_77?x=y", "x=y is short");
	expect_masked("", "live_77", "");
	expect_masked("nothing of it", "", "nothing of it");
}

static char app_watched[] = "watched";
static char app_near[] = "near";
static char key_play[] = "see+1";

static struct config_prefix near[] = {
	{.addr = {.s6_addr = {[10] = 0xff, 0xff, 198, 18, 0, 0}}, .length = 96 + 23},
	{.addr = {.s6_addr = {0xfd, 0, 1, 0x98}}, .length = 35},
};

static struct config_app played[] = {
	{.name = app_open, .open = true},
	{.name = app_watched,
	 .play = {.allowed = true, .key = key_play, .addresses = near, .addresses_count = 1}},
	{.name = app_near, .play = {.allowed = true, .addresses = near, .addresses_count = 2}},
	{.name = app_keyed, .play = {.allowed = true, .key = key_play}},
};

static const struct config play_config = {.apps = played, .apps_count = 4};

#define IPV4(a, b, c, d)                      \
	{                                     \
		[10] = 0xff, 0xff, a, b, c, d \
	}

static const struct {
	const char *app;
	const char *asked;
	uint8_t address[16];
	bool accepted;
} plays[] = {
	/* nobody by default */
	{"open/sub", "cam", IPV4(198, 18, 0, 1), false},
	{"open/sub", "cam?key=", IPV4(198, 18, 0, 1), false},
	{"none", "cam?key=see%2B1", IPV4(198, 18, 0, 1), false},
	/* key and address */
	{"watched", "cam?key=see+1", IPV4(198, 18, 0, 1), true},
	{"watched/", "cam?a=b&key=see%2b1", IPV4(198, 18, 1, 255), true},
	{"watched", "cam?key=see+1", IPV4(198, 18, 2, 0), false},
	{"watched", "cam?key=see+2", IPV4(198, 18, 0, 1), false},
	{"watched", "cam?key=", IPV4(198, 18, 0, 1), false},
	{"watched", "cam", IPV4(198, 18, 0, 1), false},
	{"watched", "see+1", IPV4(198, 18, 0, 1), false},
	/* address alone */
	{"near", "cam", IPV4(198, 18, 1, 7), true},
	{"near", "cam?key=any", IPV4(198, 18, 1, 7), true},
	{"near", "cam", IPV4(198, 19, 0, 1), false},
	{"near", "cam", {0xfd, 0, 1, 0x98, 0x1f, 1}, true},
	{"near", "cam", {0xfd, 0, 1, 0x98, 0x20, 1}, false},
	/* key alone */
	{"live", "cam?key=see+1", IPV4(203, 0, 113, 9), true},
	{"live", "cam?key=see+", IPV4(203, 0, 113, 9), false},
};

static void test_play(void)
{
	struct auth *auth = auth_create(&play_config);

	CU_ASSERT_PTR_NOT_NULL_FATAL(auth);
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		struct auth_play decision;

		auth_decide_play(auth, plays[i].app, plays[i].asked, plays[i].address, &decision);
		if (decision.accepted != plays[i].accepted) {
			printf("\n    %s/%s (row %zu)\n", plays[i].app, plays[i].asked, i);
		}
		CU_ASSERT_EQUAL(decision.accepted, plays[i].accepted);
		CU_ASSERT_STRING_EQUAL(decision.name, plays[i].accepted ? "cam" : "");
		CU_ASSERT_EQUAL(decision.app != NULL, plays[i].accepted);
	}
	auth_destroy(auth);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"decisions", test_table},          {"length of names", test_name_length},
		{"printable text", test_printable}, {"masked names", test_mask},
		{"who may play", test_play},        CU_TEST_INFO_NULL,
	};

	return check_run("auth", tests);
}
