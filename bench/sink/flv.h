/*
 * FLV files (Adobe Flash Video File Format 10.1, annex E): one per publish.
 *
 * Errors of the disk stick in the writer and never disturb the stream.
 */
#ifndef SINK_FLV_H
#define SINK_FLV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FLV_FILE_NAME_MAX 200u /* bytes, with suffix and NUL */

struct flv {
	FILE *file;
	bool audio;
	bool video;
	bool failed;
};

/*
 * File name for a publish: letters, digits, - and _ stay, dots too but not the first; all else, so
 * every slash, becomes _. `copy` > 1 adds "-<copy>".
 */
void flv_file_name(const char *app, const char *name, unsigned int copy,
		   char out[FLV_FILE_NAME_MAX]);

/* Creates a new file in `dir`, never overwrites one: 0, or -errno. */
int flv_create(struct flv *flv, const char *dir, const char *app, const char *name)
	__attribute__((warn_unused_result));

/* One tag; "@setDataFrame" in front of script data is left out. */
void flv_write(struct flv *flv, uint8_t type, uint32_t timestamp, const uint8_t *data,
	       uint32_t len);

/* Completes the header's flags and closes: 0, or -1 if anything could not be written. */
int flv_close(struct flv *flv);

#endif
