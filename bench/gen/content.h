/*
 * Content: the messages of one stream, synthetic H.264 + AAC or an FLV file over and over.
 *
 * Synthetic streams begin with metadata and the two sequence headers; a keyframe is eight times an
 * inter frame, audio comes every 23 ms. Every payload carries a mark (bench/common/mark.h). The
 * first GOP is cut short by a length that differs from publisher to publisher: thousands that begin
 * together do not send their keyframes together.
 */
#ifndef GEN_CONTENT_H
#define GEN_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/flv_file.h"
#include "bench/gen/wire.h"

#define CONTENT_KEYFRAME    8u
#define CONTENT_AUDIO_MS    23u
#define CONTENT_AUDIO_BYTES 370u
#define CONTENT_FRAME_LEAST 64u

/* What all publishers share. */
struct content_config {
	uint32_t fps;
	uint32_t gop_frames;
	uint32_t frame_bytes; /* of an inter frame */
	uint32_t audio_bytes;
	bool video_only;
	const uint8_t *body;        /* MARK_PATTERN bytes, or the file's */
	const struct flv_tag *tags; /* NULL: synthetic */
	uint32_t tags_count;
	uint32_t tags_ms; /* from one beginning of the file to the next */
};

struct content {
	uint32_t stream; /* of its marks */
	uint32_t phase;  /* frames that the first GOP is short of */
	uint32_t preamble;
	uint32_t tag;
	uint32_t loops; /* of the file */
	uint32_t frames;
	uint32_t audio;
	uint64_t number;
	uint64_t keyframe;
};

/* Sizes that follow from a bitrate, which counts payload. */
void content_size(struct content_config *config, uint32_t bitrate_kbps);

/* Takes the file over, whose tags must be within `body`. */
void content_use_flv(struct content_config *config, const struct flv_file *file);

/* `seed` decides the phase. */
void content_init(struct content *content, const struct content_config *config, const char *name,
		  uint64_t seed);

/* Media time of the next message from the beginning on, us. */
uint64_t content_due_us(const struct content *content, const struct content_config *config);

/* The next message into `wire`; returns its bytes of payload. */
uint32_t content_next(struct content *content, const struct content_config *config,
		      struct rtmp_chunk_writer *writer, uint32_t stream_id, uint64_t sent_ns,
		      struct wire *wire);

#endif
