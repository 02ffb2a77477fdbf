/*
 * Numbers for people.
 */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include <stdint.h>

#define UNITS_MAX 32u /* bytes of any of these, with the NUL */

void units_bytes(char out[UNITS_MAX], uint64_t bytes);  /* "17 B", "1.5 MiB" */
void units_bitrate(char out[UNITS_MAX], uint64_t kbps); /* "950 kb/s", "6.0 Mb/s" */
void units_duration(char out[UNITS_MAX], uint64_t ms); /* "250 ms", "12 s", "3:04:05", "2d 03:04" */

#endif
