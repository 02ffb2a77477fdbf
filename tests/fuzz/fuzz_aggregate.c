/*
 * One aggregate message, whatever is in it, cut at random: pieces within against the slow readers.
 * The first byte says how it is cut.
 */
#include "differ.h"
#include "tape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct differ differ;
	static struct tape tape;

	if (size < 1 || size > SLOW_MESSAGE_MAX) {
		return 0;
	}
	tape_reset(&tape);
	tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, SLOW_MESSAGE_MAX);
	tape_fmt0(&tape, 4, 0xfffff0, (uint32_t)size - 1, RTMP_TYPE_AGGREGATE, 1);
	tape_put(&tape, data + 1, (uint32_t)size - 1);
	differ_init(&differ, RTMP_CHUNK_STREAMS);
	if (differ_session(&differ, tape.bytes, tape.len, data[0]) != NULL || differ.error < 0) {
		abort();
	}
	return 0;
}
