/*
 * CRC-32 as in Ethernet, gzip and Python's zlib.crc32(): polynomial 0x04C11DB7, reflected.
 */
#ifndef BENCH_CRC32_H
#define BENCH_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Once, before the first sink_crc32(). */
void sink_crc32_init(void);

/* Goes on from `crc` (0 at the beginning). */
uint32_t sink_crc32(uint32_t crc, const void *data, size_t len);

#endif
