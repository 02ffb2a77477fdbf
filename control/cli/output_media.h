/*
 * What streams consist of, for people.
 */
#ifndef CLI_OUTPUT_MEDIA_H
#define CLI_OUTPUT_MEDIA_H

#include "table.h"

#include <jansson.h>

/* "avc1 640x360@30", "mp4a 48 kHz" of an object of the list of streams; "-" without. */
void media_add_video(struct table *t, const json_t *stream);
void media_add_audio(struct table *t, const json_t *stream);

/* Rows of two cells for the stream as a whole. `media`: {"video":[], "audio":[], ...}. */
void media_add_totals(struct table *t, const json_t *media);

/* A table of its tracks for each medium that it has. */
void media_print_tracks(FILE *out, const json_t *media);

#endif
