/*
 * Chunk reader: whatever comes, pieces keep their contract, and the result does not depend on how
 * the bytes are cut, nor on whether chunks are taken one by one or in runs. First byte: size of the
 * spans in the second and third run.
 */
#include "tape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record whole, cut, runs;
	static struct tape tape;

	if (size < 1 || size > RECORD_MAX) {
		return 0;
	}
	tape_reset(&tape);
	tape_put(&tape, data + 1, (uint32_t)size - 1);
	record_whole(&tape, &whole);
	record_steps(&tape, 1 + data[0] % 32, &cut);
	record_runs(&tape, 1 + data[0] * 8u, &runs);
	if (whole.violations != 0 || !record_equal(&whole, &cut) || !record_equal(&whole, &runs)) {
		abort();
	}
	return 0;
}
