/*
 * Addresses, MACs and URLs as text.
 */
#include "address.h"

#include <CUnit/Basic.h>
#include <string.h>

static void test_addresses(void)
{
	static const char *const bad[] = {"",       "1.2.3",         "1.2.3.4.5", "256.1.1.1",
					  "::g",    "1.2.3.4 ",      "[::1]",     "0x1.2.3.4",
					  "::1%lo", "::ffff:1.2.3.4"};
	struct in6_addr addr;
	const char *why;

	CU_ASSERT_EQUAL(address_parse("192.0.2.1", &addr, &why), 0);
	CU_ASSERT_TRUE(address_is_v4(&addr));
	CU_ASSERT_TRUE(address_is_usable(&addr));
	CU_ASSERT_EQUAL(address_parse("2001:db8::1", &addr, &why), 0);
	CU_ASSERT_FALSE(address_is_v4(&addr));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(address_parse(bad[i], &addr, &why), -1);
	}
}

static void test_usable(void)
{
	static const char *const bad[] = {"0.0.0.0",         "0.1.2.3", "127.0.0.1", "224.0.0.1",
					  "255.255.255.255", "::",      "::1",       "ff02::1"};
	struct in6_addr addr;
	const char *why;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(address_parse(bad[i], &addr, &why), 0);
		CU_ASSERT_FALSE(address_is_usable(&addr));
	}
}

static void test_prefixes(void)
{
	static const char *const bad[] = {
		"10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/33",
		"::/129",    "::/64x",      "/8",          "10.0.0.0//8", "::/999999999999"};
	struct config_prefix prefix;
	const char *why;

	CU_ASSERT_EQUAL(prefix_parse("10.0.0.0/8", &prefix, &why), 0);
	CU_ASSERT_EQUAL(prefix.length, 104);
	CU_ASSERT_FALSE(prefix_has_host_bits(&prefix));
	CU_ASSERT_EQUAL(prefix_parse("10.0.0.1/31", &prefix, &why), 0);
	CU_ASSERT_TRUE(prefix_has_host_bits(&prefix));
	CU_ASSERT_EQUAL(prefix_parse("10.0.0.1/32", &prefix, &why), 0);
	CU_ASSERT_FALSE(prefix_has_host_bits(&prefix));
	CU_ASSERT_EQUAL(prefix_parse("2001:db8::/128", &prefix, &why), 0);
	CU_ASSERT_EQUAL(prefix.length, 128);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(prefix_parse(bad[i], &prefix, &why), -1);
	}
}

static void test_macs(void)
{
	static const char *const bad[] = {"",
					  "02:00:00:00:00",
					  "02:00:00:00:00:0",
					  "02:00:00:00:00:011",
					  "02:00:00:00:00:0g",
					  "02:00:00:00:00;01",
					  "00:00:00:00:00:00",
					  "ff:ff:ff:ff:ff:ff"};
	static const uint8_t expected[6] = {0x0a, 0xbc, 0xde, 0xf0, 0x12, 0x34};
	uint8_t mac[6];
	const char *why;

	CU_ASSERT_EQUAL(mac_parse("0a:BC:de:F0:12:34", mac, &why), 0);
	CU_ASSERT_EQUAL(memcmp(mac, expected, 6), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(mac_parse(bad[i], mac, &why), -1);
	}
}

static void expect_url(const char *text, const char *host, uint16_t port, const char *app,
		       const char *name)
{
	struct origin_url url;
	const char *why = "";

	CU_ASSERT_EQUAL_FATAL(origin_url_parse(text, &url, &why), 0);
	CU_ASSERT_STRING_EQUAL(url.host, host);
	CU_ASSERT_EQUAL(url.port, port);
	CU_ASSERT_STRING_EQUAL(url.app, app);
	CU_ASSERT_STRING_EQUAL(url.name, name);
}

static void test_good_urls(void)
{
	expect_url("rtmp://h/a", "h", 1935, "a", "");
	expect_url("rtmp://h/a/", "h", 1935, "a", "");
	expect_url("rtmp://h.example:1/a/b", "h.example", 1, "a", "b");
	expect_url("rtmp://10.0.0.1:65535/a/b/c", "10.0.0.1", 65535, "a", "b/c");
	expect_url("rtmp://[::1]/a/k?x=1&y=2", "::1", 1935, "a", "k?x=1&y=2");
	expect_url("rtmp://[2001:db8::1]:1936/a", "2001:db8::1", 1936, "a", "");
	expect_url("rtmp://a_b-c.example./a", "a_b-c.example.", 1935, "a", "");
}

static void test_bad_urls(void)
{
	static const char *const bad[] = {
		"",
		"rtmp",
		"http://h/a",
		"RTMP://h/a",
		"rtmp://",
		"rtmp://h",
		"rtmp://h/",
		"rtmp:///a",
		"rtmp://h//b",
		"rtmp://h/?a",
		"rtmp://h/a?b=c",
		"rtmp://h:/a",
		"rtmp://h:0/a",
		"rtmp://h:65536/a",
		"rtmp://h:+1/a",
		"rtmp://h:1:2/a",
		"rtmp://::1/a",
		"rtmp://[::1/a",
		"rtmp://[::1]x/a",
		"rtmp://[h]/a",
		"rtmp://[]/a",
		"rtmp://user@h/a",
		"rtmp://u:p@h/a",
		"rtmp://a..b/a",
		"rtmp://-a/a",
		"rtmp://1.2.3/a",
		"rtmp://999.1.1.1/a",
		"rtmp://h/a b",
		"rtmp://h/a\nb",
		"rtmp://h/a\x7f",
		"rtmp://h/\xc3\xa9",
		"rtmp://h/a\"b",
	};
	struct origin_url url;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;
		if (origin_url_parse(bad[i], &url, &why) != -1 || why == NULL) {
			fprintf(stderr, "\n  taken: %s\n", bad[i]);
			CU_FAIL("a bad URL was taken");
		}
	}
}

static void test_long_urls(void)
{
	struct origin_url url;
	const char *why;
	char text[1024];
	char part[700];

	memset(part, 'a', sizeof(part));
	snprintf(text, sizeof(text), "rtmp://%.64s/a", part);
	CU_ASSERT_EQUAL(origin_url_parse(text, &url, &why), -1);
	snprintf(text, sizeof(text), "rtmp://h/%.127s", part);
	CU_ASSERT_EQUAL(origin_url_parse(text, &url, &why), 0);
	snprintf(text, sizeof(text), "rtmp://h/%.128s", part);
	CU_ASSERT_EQUAL(origin_url_parse(text, &url, &why), -1);
	snprintf(text, sizeof(text), "rtmp://h/a/%.511s", part);
	CU_ASSERT_EQUAL(origin_url_parse(text, &url, &why), 0);
	snprintf(text, sizeof(text), "rtmp://h/a/%.512s", part);
	CU_ASSERT_EQUAL(origin_url_parse(text, &url, &why), -1);
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("address", NULL, NULL);
	CU_ADD_TEST(suite, test_addresses);
	CU_ADD_TEST(suite, test_usable);
	CU_ADD_TEST(suite, test_prefixes);
	CU_ADD_TEST(suite, test_macs);
	CU_ADD_TEST(suite, test_good_urls);
	CU_ADD_TEST(suite, test_bad_urls);
	CU_ADD_TEST(suite, test_long_urls);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
