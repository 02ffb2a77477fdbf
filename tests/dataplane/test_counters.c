/*
 * Counters: names are unique, and each value is published under its own name.
 */
#include "dataplane/counters.h"
#include "suite.h"

#include <string.h>

#include "abi/pub.h"
#include "rtmp/error.h"
#include "rtmp/note.h"
#include "tcpstack/counters.h"

static struct abi_counter names[ABI_COUNTERS_MAX];

static void names_are_unique_and_whole(void)
{
	uint32_t count = dp_counters_describe(names, ABI_COUNTERS_MAX);

	CU_ASSERT_EQUAL(count, DP_COUNTER_COUNT + TCP_COUNTER_COUNT + RTMP_ERROR_COUNT - 1 +
				       RTMP_NOTE_COUNT);
	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT(names[i].name[0] != '\0');
		CU_ASSERT(names[i].text[0] != '\0');
		/* Full to the brim means cut off. */
		CU_ASSERT(strlen(names[i].name) < ABI_COUNTER_NAME - 1);
		CU_ASSERT(strlen(names[i].text) < ABI_COUNTER_TEXT - 1);
		for (uint32_t j = 0; j < i; j++) {
			CU_ASSERT_STRING_NOT_EQUAL(names[i].name, names[j].name);
		}
	}
}

static void room_is_respected(void)
{
	memset(names, 0, sizeof(names));
	CU_ASSERT_EQUAL(dp_counters_describe(names, 3), 3);
	CU_ASSERT_STRING_EQUAL(names[0].name, "rx_packets");
	CU_ASSERT_EQUAL(names[3].name[0], '\0');
}

static uint64_t published(const struct abi_pub *pub, const char *name)
{
	uint32_t count = dp_counters_describe(names, ABI_COUNTERS_MAX);

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(names[i].name, name) == 0) {
			return pub->counter[i];
		}
	}
	return UINT64_MAX;
}

static void values_stand_under_their_names(void)
{
	static struct abi_pub pub;
	struct dp_counters counters = {.value = {[DP_COUNTER_rx_packets] = 1}};
	uint64_t tcp[TCP_COUNTER_COUNT] = {
		[TCP_COUNTER_rx_segments] = 3, [TCP_COUNTER_time_wait_recycled] = 4};
	uint64_t rtmp[RTMP_ERROR_COUNT - 1] = {[RTMP_ERROR_INDEX_VERSION - 1] = 5,
					       [RTMP_ERROR_INDEX_REFUSED - 1] = 6};

	uint64_t notes[RTMP_NOTE_COUNT] = {
		[RTMP_NOTE_UNKNOWN_TYPE] = 7, [RTMP_NOTE_STREAM_FORGOTTEN] = 8};

	dp_count(&counters, DP_COUNTER_wakeups, 2);
	dp_counters_publish(&pub, &counters, tcp, rtmp, notes);
	CU_ASSERT_EQUAL(published(&pub, "rx_packets"), 1);
	CU_ASSERT_EQUAL(published(&pub, "wakeups"), 2);
	CU_ASSERT_EQUAL(published(&pub, "tcp_rx_segments"), 3);
	CU_ASSERT_EQUAL(published(&pub, "tcp_time_wait_recycled"), 4);
	CU_ASSERT_EQUAL(published(&pub, "rtmp_bad_version"), 5);
	CU_ASSERT_EQUAL(published(&pub, "rtmp_refused"), 6);
	CU_ASSERT_EQUAL(published(&pub, "rtmp_unknown_type"), 7);
	CU_ASSERT_EQUAL(published(&pub, "rtmp_chunk_stream_forgotten"), 8);
	dp_counters_publish(&pub, &counters, NULL, NULL, NULL);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"names are unique and whole", names_are_unique_and_whole},
		{"room is respected", room_is_respected},
		{"values stand under their names", values_stand_under_their_names},
		{NULL, NULL},
	};

	return suite_run("counters", tests);
}
