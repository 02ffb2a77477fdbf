#include "units.h"

#include <inttypes.h>
#include <stdio.h>

void units_bytes(char out[UNITS_MAX], uint64_t bytes)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	int unit = 0;

	if (bytes < 1024) {
		snprintf(out, UNITS_MAX, "%" PRIu64 " B", bytes);
		return;
	}
	while (value >= 1023.95 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(out, UNITS_MAX, "%.1f %s", value, names[unit]);
}

void units_bitrate(char out[UNITS_MAX], uint64_t kbps)
{
	if (kbps < 1000) {
		snprintf(out, UNITS_MAX, "%" PRIu64 " kb/s", kbps);
	} else if (kbps < 1000000) {
		snprintf(out, UNITS_MAX, "%.1f Mb/s", (double)kbps / 1e3);
	} else {
		snprintf(out, UNITS_MAX, "%.1f Gb/s", (double)kbps / 1e6);
	}
}

void units_duration(char out[UNITS_MAX], uint64_t ms)
{
	uint64_t s = ms / 1000;
	unsigned int minutes = (unsigned int)(s / 60 % 60);
	unsigned int hours = (unsigned int)(s / 3600 % 24);

	if (ms < 1000) {
		snprintf(out, UNITS_MAX, "%" PRIu64 " ms", ms);
	} else if (s < 60) {
		snprintf(out, UNITS_MAX, "%" PRIu64 " s", s);
	} else if (s < 86400) {
		snprintf(out, UNITS_MAX, "%u:%02u:%02u", hours, minutes, (unsigned int)(s % 60));
	} else {
		snprintf(out, UNITS_MAX, "%" PRIu64 "d %02u:%02u", s / 86400, hours, minutes);
	}
}
