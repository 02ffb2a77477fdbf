/*
 * What both processes must agree on to the byte. The headers assert sizes; here stand the offsets
 * that a field moved by accident would shift, and the arithmetic of references.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "abi/attach.h"
#include "abi/play.h"
#include "abi/ref.h"
#include "abi/sub.h"

#define OFFSET(type, field, bytes) CU_ASSERT_EQUAL(offsetof(struct type, field), bytes)

static void test_offsets(void)
{
	OFFSET(abi_log_entry, timestamp, 8);
	OFFSET(abi_log_entry, type, 12);
	OFFSET(abi_log_entry, flags, 13);
	OFFSET(abi_log_entry, number, 16);
	OFFSET(abi_log_entry, arrived_us, 24);
	OFFSET(abi_header_block, headers, 8);
	OFFSET(abi_header_block, data, 8 + ABI_HEADERS_MAX * sizeof(struct abi_header));
	OFFSET(abi_stream, reclaimed, 8);
	OFFSET(abi_stream, state, 20);
	OFFSET(abi_stream, generation, 24);
	OFFSET(abi_stream, video_messages, 64);
	OFFSET(abi_stream, dropped_unread_messages, 152);
	OFFSET(abi_stream, header_sequence, 160);
	OFFSET(abi_stream, header_block, 164);
	OFFSET(abi_stream, first_block, 200);
	OFFSET(abi_stream, peer, 208);
	OFFSET(abi_stream, app, 272);
	OFFSET(abi_stream, asked, 400);
	OFFSET(abi_stream, name, 912);
	OFFSET(abi_stream, encoder, 1424);
	OFFSET(abi_stream, caps_ex, 1488);
	OFFSET(abi_stream, end_reason, 1496);
	OFFSET(abi_pub, generation, 16);
	OFFSET(abi_pub, size, 24);
	OFFSET(abi_pub, streams_offset, 56);
	OFFSET(abi_pub, counter_names_offset, 96);
	OFFSET(abi_pub, trace_offset, 104);
	OFFSET(abi_pub, page_offset, 128);
	OFFSET(abi_pub, trace_records, 136);
	OFFSET(abi_pub, session_states, 160);
	OFFSET(abi_pub, reserved_bytes, 808);
	OFFSET(abi_pub, truesize, 816);
	OFFSET(abi_pub, players_offset, 168);
	OFFSET(abi_pub, play_bytes, 824);
	OFFSET(abi_player, sent_bytes, 24);
	OFFSET(abi_player, address, 96);
	OFFSET(abi_player, asked, 304);
	OFFSET(abi_player, name, 816);
	OFFSET(abi_pub, drain_until_us, 896 + 8 * ABI_COUNTERS_MAX);
	OFFSET(abi_command, generation, 8);
	OFFSET(abi_command, message_max, 20);
	OFFSET(abi_command, drain_until_us, 32);
	OFFSET(abi_command, name, 40);
	OFFSET(abi_command, stream, 552);
	OFFSET(abi_sub, command_head, 256);
	OFFSET(abi_sub, event_tail, 384);
	OFFSET(abi_sub, news_sleeping, 512);
	OFFSET(abi_sub, event_sleeping, 640);
	OFFSET(abi_sub, inspect, 768);
	OFFSET(abi_inspect, id, 12);
	OFFSET(abi_trace_record, connection, 8);
	OFFSET(abi_trace_record, argument, 16);
	OFFSET(abi_trace, records, 192);
	OFFSET(abi_trace_event, argument, 40);
	OFFSET(abi_connection, remote, 40);
	OFFSET(abi_connection, rtt_us, 88);
	OFFSET(abi_connection, snd_wnd, 120);
	OFFSET(abi_connection, pinned, 156);
	OFFSET(abi_connection, retransmit_in_us, 196);
	OFFSET(abi_connection, congestion, 212);
	OFFSET(abi_page, count, 16);
	CU_ASSERT_EQUAL(offsetof(struct abi_sub, tail) % 128, 0);
	OFFSET(abi_resume, origins, 8);
	OFFSET(abi_origin_position, position, 8);
	CU_ASSERT_EQUAL(abi_sub_resume_offset(3), sizeof(struct abi_sub) + UINT64_C(3) * 16);
	CU_ASSERT_EQUAL(abi_sub_size(3), abi_sub_resume_offset(3) + UINT64_C(3) * 264);
}

static void test_references(void)
{
	const uint64_t segments[] = {0, 64, 4096, ABI_PACKET_SIZE_MAX - 64};
	const uint32_t starts[] = {1, 128, 256, (1u << ABI_REF_START_BITS) - 1};
	const uint32_t lengths[] = {1, 1448, 9000, ABI_REF_LENGTH_MAX};
	const uint32_t regions[] = {0, 1, ABI_REGIONS_MAX - 1};

	for (int i = 0; i < 4 * 4 * 4 * 3; i++) {
		uint64_t segment = segments[i % 4];
		uint32_t start = starts[i / 4 % 4];
		uint32_t length = lengths[i / 16 % 4];
		uint32_t region = regions[i / 64];
		uint64_t ref = abi_ref_make(region, segment, start, length);

		CU_ASSERT_EQUAL(abi_ref_region(ref), region);
		CU_ASSERT_EQUAL(abi_ref_segment(ref), segment);
		CU_ASSERT_EQUAL(abi_ref_offset(ref), segment + start);
		CU_ASSERT_EQUAL(abi_ref_length(ref), length);
		CU_ASSERT_NOT_EQUAL(ref, 0);
	}
}

static void test_units(void)
{
	CU_ASSERT_EQUAL(abi_log_units(0), 1);
	CU_ASSERT_EQUAL(abi_log_units(1), 2);
	CU_ASSERT_EQUAL(abi_log_units(4), 2);
	CU_ASSERT_EQUAL(abi_log_units(5), 3);
	CU_ASSERT_EQUAL(abi_log_units(UINT32_MAX), 1 + (UINT64_C(1) << 30));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"offsets", test_offsets},
		{"references", test_references},
		{"units of a message", test_units},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{.pName = "abi", .pTests = tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	(void)CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
