/*
 * Chunk reader and aggregates against readers that are slow and plain. First byte: the lower four
 * bits are the number of chunk streams, the upper four how spans are cut.
 */
#include "differ.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct differ differ;

	if (size < 1) {
		return 0;
	}
	differ_init(&differ, 1 + data[0] % RTMP_CHUNK_STREAMS);
	if (differ_session(&differ, data + 1, (uint32_t)size - 1, data[0] >> 4) != NULL) {
		abort();
	}
	return 0;
}
