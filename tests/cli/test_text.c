/*
 * What reaches the terminal: escaping, units, tables, and each view from a canned reply.
 */
#include "escape.h"
#include "field.h"
#include "output.h"
#include "output_media.h"
#include "units.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

static void expect_escape(const char *text, const char *expected)
{
	char out[256];
	size_t len = escape_text(out, sizeof(out), text);

	CU_ASSERT_STRING_EQUAL(out, expected);
	CU_ASSERT_EQUAL(len, strlen(expected));
	CU_ASSERT_TRUE(len < escape_size(strlen(text)));
}

static void test_escape_ascii(void)
{
	CU_ASSERT_TRUE(escape_set_utf8(false));
	expect_escape("", "");
	expect_escape(" azAZ09~!", " azAZ09~!");
	expect_escape("\x1b[31m", "\\x1b[31m");
	expect_escape("\n\r\t\x7f", "\\x0a\\x0d\\x09\\x7f");
	expect_escape("\\x1b", "\\x5cx1b");
	expect_escape("\xc3\xa9", "\\xc3\\xa9"); /* no UTF-8 terminal */
	expect_escape("\x9b", "\\x9b");
}

static void test_escape_utf8(void)
{
	CU_ASSERT_TRUE_FATAL(escape_set_utf8(true));
	expect_escape("\xc3\xa9", "\xc3\xa9");
	expect_escape("\xe6\x97\xa5", "\xe6\x97\xa5");
	expect_escape("\xc2\x9b", "\\xc2\\x9b");                   /* C1 CSI */
	expect_escape("\xe2\x80\xae", "\\xe2\\x80\\xae");          /* right-to-left override */
	expect_escape("e\xcc\x81", "e\\xcc\\x81");                 /* combining acute */
	expect_escape("\xef\xbb\xbf", "\\xef\\xbb\\xbf");          /* byte order mark */
	expect_escape("\xe2\x80\xa8", "\\xe2\\x80\\xa8");          /* line separator */
	expect_escape("\xc3", "\\xc3");                            /* cut */
	expect_escape("\xe2\x82", "\\xe2\\x82");                   /* cut */
	expect_escape("\xc0\x9b", "\\xc0\\x9b");                   /* overlong */
	expect_escape("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
	expect_escape("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	expect_escape("\xff\xfe", "\\xff\\xfe");
	CU_ASSERT_EQUAL(escape_columns("a\xc3\xa9"), 2);
	CU_ASSERT_EQUAL(escape_columns("\xe6\x97\xa5"), 2); /* wide */
	(void)escape_set_utf8(false);
}

/* Every byte alone, and after every other: nothing below space or above ~ comes out. */
static void test_escape_all_pairs(void)
{
	char out[16];

	CU_ASSERT_TRUE(escape_set_utf8(false));
	for (unsigned int a = 1; a < 256; a++) {
		for (unsigned int b = 1; b < 256; b++) {
			const char text[] = {(char)a, (char)b, '\0'};
			size_t len = escape_text(out, sizeof(out), text);
			for (size_t i = 0; i < len; i++) {
				CU_ASSERT_TRUE(out[i] >= ' ' && out[i] <= '~');
			}
		}
	}
}

/* Cut to fit, at every size, and never in the middle of an escape. */
static void test_escape_sizes(void)
{
	char out[16];

	CU_ASSERT_TRUE(escape_set_utf8(false));
	for (size_t size = 1; size <= 10; size++) {
		memset(out, '#', sizeof(out));
		size_t len = escape_text(out, size,
					 "a\x1b"
					 "b");
		CU_ASSERT_EQUAL(len, size > 6 ? 6 : size > 5 ? 5 : size > 1 ? 1 : 0);
		CU_ASSERT_EQUAL(out[len], '\0');
		CU_ASSERT_EQUAL(out[size], '#');
	}
}

static void test_units(void)
{
	char text[UNITS_MAX];
	static const struct {
		void (*units)(char out[UNITS_MAX], uint64_t value);
		uint64_t value;
		const char *expected;
	} cases[] = {
		{units_bytes, 0, "0 B"},
		{units_bytes, 1023, "1023 B"},
		{units_bytes, 1024, "1.0 KiB"},
		{units_bytes, 1536, "1.5 KiB"},
		{units_bytes, (1 << 20) - 1, "1.0 MiB"},
		{units_bytes, UINT64_MAX, "16.0 EiB"},
		{units_bitrate, 0, "0 kb/s"},
		{units_bitrate, 999, "999 kb/s"},
		{units_bitrate, 6021, "6.0 Mb/s"},
		{units_bitrate, 12345678, "12.3 Gb/s"},
		{units_duration, 0, "0 ms"},
		{units_duration, 999, "999 ms"},
		{units_duration, 59999, "59 s"},
		{units_duration, 60000, "0:01:00"},
		{units_duration, 11045000, "3:04:05"},
		{units_duration, 86400000, "1d 00:00"},
		{units_duration, UINT64_MAX, "213503982334d 14:25"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cases[i].units(text, cases[i].value);
		CU_ASSERT_STRING_EQUAL(text, cases[i].expected);
	}
}

static void expect_view(const struct output *output, enum output_view view, const char *json,
			const struct output_options *options, const char *expected)
{
	char *got = NULL;
	size_t len;
	json_t *value = json_loads(json, 0, NULL);
	FILE *out = open_memstream(&got, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(value);
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	output->show[view](out, value, options);
	CU_ASSERT_EQUAL(fclose(out), 0);
	if (strcmp(got, expected) != 0) {
		fprintf(stderr, "\n--- expected:\n%s--- got:\n%s---\n", expected, got);
		CU_FAIL("another text");
	}
	free(got);
	json_decref(value);
}

static const struct output_options plain;

#define CAM                                                                                        \
	"{\"app\":\"live\",\"name\":\"cam\\u001b[2J\",\"state\":\"live\",\"worker\":1,\"slot\":7," \
	"\"peer\":\"198.18.0.1:50000\",\"uptime_ms\":125000,\"bytes\":1536,\"messages\":1000,"     \
	"\"video_messages\":500,\"audio_messages\":490,\"data_messages\":10,"                      \
	"\"dropped_messages\":0,\"keyframes\":20,\"pinned_bytes\":0,\"bitrate_kbps\":6021,"        \
	"\"last_timestamp_ms\":124000,\"video_codec\":\"avc1\",\"width\":640,"                     \
	"\"height\":360,\"fps\":29.97,\"audio_codec\":\"mp4a\",\"sample_rate\":48000,\"origins\":" \
	"[" ORIGIN "]}"
#define ORIGIN                                                                                \
	"{\"app\":\"live\",\"name\":\"cam\",\"url\":\"rtmp://a/b\",\"state\":\"publishing\"," \
	"\"messages\":9,\"bytes\":1024,\"connects\":2,\"failures\":1,\"skips\":3,"            \
	"\"skipped_messages\":40,\"acked_bytes\":512,\"lag_bytes\":0,\"lag_ms\":12,"          \
	"\"last_error\":\"\",\"ack_mode\":\"rtmp\",\"sent_message\":90,"                      \
	"\"tcp_acked_message\":80,\"acked_message\":70,\"repeated_messages\":5}"

static void test_streams(void)
{
	CU_ASSERT_TRUE(escape_set_utf8(false));
	expect_view(
		&output_text, OUTPUT_STREAMS, "[" CAM "]", &plain,
		"STREAM           STATE  WORKER  PEER               UPTIME   BITRATE    BYTES  "
		"VIDEO               AUDIO        DROPPED  PINNED  ORIGINS    LAG\n"
		"live/cam\\x1b[2J  live        1  198.18.0.1:50000  0:02:05  6.0 Mb/s  1.5 KiB  "
		"avc1 640x360@29.97  mp4a 48 kHz        0     0 B      1/1  12 ms\n");
}

#define MEDIA                                                                                      \
	"{\"video\":[{\"track\":0,\"codec\":\"avc1\",\"codec_name\":\"H.264\",\"profile\":"        \
	"\"High\","                                                                                \
	"\"level\":\"3.0\",\"width\":640,\"height\":360,\"chroma\":\"4:2:0\",\"bit_depth\":10,"    \
	"\"fps\":29.97,\"bitrate_kbps\":1500,\"gaps\":0,\"backward\":0,\"last_ago_ms\":33,"        \
	"\"keyframe_interval_ms\":{\"last\":2000,\"min\":1500,\"max\":2000},"                      \
	"\"gop_frames\":{\"last\":60,\"min\":60,\"max\":60}},{\"track\":1,\"codec\":\"x?1\"}],"    \
	"\"audio\":[{\"track\":0,\"codec_name\":\"AAC\",\"profile\":\"LC\",\"sample_rate\":44100," \
	"\"channels\":2,\"bitrate_kbps\":128,\"gaps\":2,\"gap_ms_max\":1500,\"backward\":1,"       \
	"\"backward_ms_max\":40,\"last_ago_ms\":5}],\"av_skew_ms\":-12,\"av_skew_ms_max\":40,"     \
	"\"silences\":3,\"unknown_messages\":0,\"metadata\":{\"encoder\":\"Lavf\\u001b[2J\","      \
	"\"video_codec\":\"7\",\"width\":640,\"height\":360,\"fps\":30.0}}"

/* The tables behind those of the stream. */
static void test_tracks(void)
{
	char *got = NULL;
	size_t len;
	json_t *value = json_loads(MEDIA, 0, NULL);
	FILE *out = open_memstream(&got, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(value);
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	media_print_tracks(out, value);
	CU_ASSERT_EQUAL(fclose(out), 0);
	CU_ASSERT_STRING_EQUAL(
		got, "\n"
		     "VIDEO  CODEC            PICTURE                  FPS   BITRATE  KEYFRA"
		     "ME EVERY  GOP FRAMES  GAPS  BACKWARD  LAST AGO\n"
		     "    0  H.264 High L3.0  640x360 4:2:0 10 bits  29.97  1.5 Mb/s  2 s (1"
		     ".5 to 2)  60          0     0            33 ms\n"
		     "    1  x?1              -                          -         -  -     "
		     "          -           0     0                -\n"
		     "\n"
		     "AUDIO  CODEC   SAMPLE RATE  CHANNELS   BITRATE  GAPS              BACK"
		     "WARD        LAST AGO\n"
		     "    0  AAC LC     44.1 kHz         2  128 kb/s  2, up to 1500 ms  1, u"
		     "p to 40 ms      5 ms\n");
	free(got);
	json_decref(value);
}

static void test_media_of_stream(void)
{
	static const struct output_options options;
	json_t *value = json_pack("{s:s, s:s}", "app", "live", "name", "cam");
	char *got = NULL;
	size_t len;
	FILE *out = open_memstream(&got, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	(void)json_object_set_new(value, "media", json_loads(MEDIA, 0, NULL));
	output_text.show[OUTPUT_STREAM](out, value, &options);
	CU_ASSERT_EQUAL(fclose(out), 0);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(got, "audio ahead of video    -12 ms (at most 40 ms apart)\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "silent messages         3\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "metadata says, encoder  Lavf\\x1b[2J\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "metadata says, video    7 640x360@30\n"));
	CU_ASSERT_PTR_NULL(strstr(got, "not understood"));
	free(got);
	json_decref(value);
}

/* A reply without the members, or with others: dashes, no crash. */
static void test_missing_members(void)
{
	expect_view(&output_text, OUTPUT_STREAMS, "[{}, {\"app\": 1, \"bytes\": \"x\"}]", &plain,
		    "STREAM  STATE  WORKER  PEER  UPTIME  BITRATE  BYTES  VIDEO  AUDIO  DROPPED  "
		    "PINNED  ORIGINS  LAG\n"
		    "-/-     -           -  -          -        -      -  -      -            -  "
		    "     -      0/0    -\n"
		    "-/-     -           -  -          -        -      -  -      -            -  "
		    "     -      0/0    -\n");
	for (int view = 0; view < OUTPUT_VIEWS; view++) {
		static const char *const odd[] = {"{}", "[]", "[1, null, \"x\"]",
						  "{\"workers\": 7, \"streams\": {}}"};
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
			json_t *value = json_loads(odd[i], 0, NULL);
			FILE *out = fopen("/dev/null", "w");
			CU_ASSERT_PTR_NOT_NULL_FATAL(out);
			output_text.show[view](out, value, &plain);
			fclose(out);
			json_decref(value);
		}
	}
}

static void test_origins(void)
{
	expect_view(
		&output_text, OUTPUT_ORIGINS, "[" ORIGIN "]", &plain,
		"STREAM    ORIGIN      STATE         LAG  BEHIND  MESSAGES    BYTES  ACK   SENT  "
		"TCP ACKED  ACKED  CONNECTS  FAILURES  SKIPS  SKIPPED  REPEATED  LAST ERROR\n"
		"live/cam  rtmp://a/b  publishing  12 ms     0 B         9  1.0 KiB  rtmp    90  "
		"       80     70         2         1      3       40         5  -\n");
}

static void test_memory(void)
{
	expect_view(&output_text, OUTPUT_MEMORY,
		    "{\"workers\":[{\"worker\":0,\"packets_total\":1024,\"packets_free\":512,"
		    "\"truesize\":2048,\"pinned_log_bytes\":1024,\"pinned_partial_bytes\":2048,"
		    "\"pinned_ooo_bytes\":0,\"pinned_ring_bytes\":3072,\"reserve_bytes\":4096,"
		    "\"reserved_bytes\":5120,\"blocks_total\":64,\"blocks_free\":60}],"
		    "\"streams\":[{\"app\":\"live\",\"name\":\"cam\",\"worker\":0,\"pinned_bytes\":"
		    "1024,"
		    "\"gop_bytes\":512,\"reserved_bytes\":2048,\"partial_bytes\":1,\"ooo_bytes\":2,"
		    "\"dropped_unread_messages\":3}],\"unaccounted_bytes\":-4096}",
		    &plain,
		    "WORKER    TOTAL     FREE     LOGS  PARTIAL  OUT OF ORDER    RINGS  RESERVE  "
		    "PROMISED  BLOCKS FREE\n"
		    "     0  2.0 MiB  1.0 MiB  1.0 KiB  2.0 KiB           0 B  3.0 KiB  4.0 KiB  "
		    " 5.0 KiB        60/64\n"
		    "UNACCOUNTED  -4.0 KiB\n"
		    "\n"
		    "STREAM    WORKER   PINNED    GOP  PROMISED  PARTIAL  OUT OF ORDER  DROPPED "
		    "UNREAD\n"
		    "live/cam       0  1.0 KiB  512 B   2.0 KiB      1 B           2 B             "
		    "  3\n");
}

static void test_workers(void)
{
	expect_view(
		&output_text, OUTPUT_WORKERS,
		"[{\"worker\":0,\"cpu\":3,\"numa_node\":-1,\"connections\":4,\"publishers\":2,"
		"\"busy_percent\":12.34,\"loops\":1000,\"empty_polls\":900,\"packets_free\":10,"
		"\"packets_total\":20,\"blocks_free\":1,\"blocks_total\":2,"
		"\"heartbeat_age_ms\":1}]",
		&plain,
		"WORKER  CPU  NODE  CONNECTIONS  PUBLISHERS   BUSY  LOOPS  EMPTY  PACKETS FREE  "
		"BLOCKS FREE  HEARTBEAT AGE\n"
		"     0    3     -            4           2  12.3%   1000    900         10/20  "
		"        1/2           1 ms\n");
}

#define COUNTERS                                                                      \
	"{\"workers\":[{\"worker\":0,\"counters\":{\"rx\":5,\"rx_bad\":0,\"tx\":1}}," \
	"{\"worker\":1,\"counters\":{\"rx\":6,\"rx_bad\":0,\"tx\":0}}],"              \
	"\"control\":{\"accepted\":3,\"refused\":0}}"

static void test_counters(void)
{
	const struct output_options all = {.all = true};
	const struct output_options part = {.all = true, .pattern = "rx"};
	const struct output_options whole = {.all = true, .pattern = "r?"};
	const struct output_options none = {.pattern = "zzz"};

	expect_view(&output_text, OUTPUT_COUNTERS, COUNTERS, &plain,
		    "COUNTER   TOTAL  W0  W1\n"
		    "rx           11   5   6\n"
		    "tx            1   1   0\n"
		    "accepted      3   -   -\n");
	expect_view(&output_text, OUTPUT_COUNTERS, COUNTERS, &all,
		    "COUNTER   TOTAL  W0  W1\n"
		    "rx           11   5   6\n"
		    "rx_bad        0   0   0\n"
		    "tx            1   1   0\n"
		    "accepted      3   -   -\n"
		    "refused       0   -   -\n");
	expect_view(&output_text, OUTPUT_COUNTERS, COUNTERS, &part,
		    "COUNTER  TOTAL  W0  W1\n"
		    "rx          11   5   6\n"
		    "rx_bad       0   0   0\n");
	expect_view(&output_text, OUTPUT_COUNTERS, COUNTERS, &whole,
		    "COUNTER  TOTAL  W0  W1\n"
		    "rx          11   5   6\n");
	expect_view(&output_text, OUTPUT_COUNTERS, COUNTERS, &none,
		    "no counter is above 0 (--all shows them)\n");
}

static void test_top(void)
{
	const struct output_options small = {.rows = 7};
	static const char json[] =
		"{\"status\":{\"dataplane\":{\"attached\":false}},\"workers\":[],\"streams\":["
		"{\"app\":\"a\",\"name\":\"slow\",\"bitrate_kbps\":1},"
		"{\"app\":\"a\",\"name\":\"fast\",\"bitrate_kbps\":3000},"
		"{\"app\":\"a\",\"name\":\"mid\",\"bitrate_kbps\":20}]}";
	static const char head[] =
		"penstock: dataplane NOT ATTACHED, 0 workers, 3 streams, 3.0 Mb/s\n"
		"\n"
		"WORKER  CPU  NODE  CONNECTIONS  PUBLISHERS  BUSY  LOOPS  EMPTY  PACKETS FREE  "
		"BLOCKS FREE  HEARTBEAT AGE\n"
		"\n";
	static const char fast[] = "a/fast  ";
	char *got = NULL;
	size_t len;
	json_t *value = json_loads(json, 0, NULL);
	FILE *out = open_memstream(&got, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	output_text.show[OUTPUT_TOP](out, value, &small);
	CU_ASSERT_EQUAL(fclose(out), 0);
	CU_ASSERT_EQUAL_FATAL(strncmp(got, head, sizeof(head) - 1), 0);
	const char *rows = strchr(got + sizeof(head) - 1, '\n') + 1;
	CU_ASSERT_EQUAL(strncmp(rows, fast, sizeof(fast) - 1), 0);
	/* Two rows fit: the slowest is left out. */
	CU_ASSERT_PTR_NOT_NULL(strstr(rows, "a/mid"));
	CU_ASSERT_PTR_NULL(strstr(rows, "a/slow"));
	free(got);
	json_decref(value);
}

static void test_json_is_ascii(void)
{
	expect_view(&output_json, OUTPUT_KICK, "{\"a\": \"\\u001b\\u009b\\u00e9\"}", &plain,
		    "{\n  \"a\": \"\\u001B\\u009B\\u00E9\"\n}\n");
	expect_view(&output_json, OUTPUT_TOP, "{\"a\": [1, 2]}", &plain, "{\"a\":[1,2]}\n");
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("cli text", NULL, NULL);
	CU_ADD_TEST(suite, test_escape_ascii);
	CU_ADD_TEST(suite, test_escape_utf8);
	CU_ADD_TEST(suite, test_escape_all_pairs);
	CU_ADD_TEST(suite, test_escape_sizes);
	CU_ADD_TEST(suite, test_units);
	CU_ADD_TEST(suite, test_streams);
	CU_ADD_TEST(suite, test_missing_members);
	CU_ADD_TEST(suite, test_tracks);
	CU_ADD_TEST(suite, test_media_of_stream);
	CU_ADD_TEST(suite, test_origins);
	CU_ADD_TEST(suite, test_memory);
	CU_ADD_TEST(suite, test_workers);
	CU_ADD_TEST(suite, test_counters);
	CU_ADD_TEST(suite, test_top);
	CU_ADD_TEST(suite, test_json_is_ascii);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
