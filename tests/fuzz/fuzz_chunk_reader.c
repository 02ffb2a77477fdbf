/*
 * Chunk reader: whatever comes, pieces keep their contract, and the result does not depend on how
 * the bytes are cut. First byte: size of the spans in the second run.
 */
#include "tape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record whole, cut;
	static struct tape tape;

	if (size < 1 || size > RECORD_MAX) {
		return 0;
	}
	tape_reset(&tape);
	tape_put(&tape, data + 1, (uint32_t)size - 1);
	record_whole(&tape, &whole);
	record_steps(&tape, 1 + data[0] % 32, &cut);
	if (whole.violations != 0 || !record_equal(&whole, &cut)) {
		abort();
	}
	return 0;
}
