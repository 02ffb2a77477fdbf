/*
 * The media bytes that every publisher of a replay sends: a prefix, then one lap for ever.
 *
 * The prefix holds metadata, the sequence headers and the first lap. A lap is one GOP whose bytes
 * are the same every time round, because all its timestamps are deltas (chunk headers of fmt 1 to
 * 3, RTMP 1.0 section 5.3.1.2); its length is a multiple of the segment size, so that every
 * full-sized segment of a lap is one of a few that were prepared beforehand.
 */
#ifndef REPLAY_STREAM_H
#define REPLAY_STREAM_H

#include <stdint.h>

#define STREAM_FRAMES 16u /* of video in a lap; each is followed by one of audio */

struct stream {
	uint32_t chunk_size;
	uint32_t segment; /* bytes of TCP payload */
	uint8_t *bytes;   /* prefix, then lap */
	uint32_t prefix_length;
	uint32_t lap_length;
	uint32_t prefix_messages;
	uint32_t prefix_end[3 + 2 * STREAM_FRAMES]; /* where each message is complete */
	uint32_t lap_end[2 * STREAM_FRAMES];        /* ... from the lap's first byte */
};

/*
 * `message` is the size of an inter frame; keyframes have eight times that. 0 or -errno; -EPROTO:
 * the writer does not repeat itself.
 */
int stream_init(struct stream *stream, uint32_t chunk_size, uint32_t message, uint32_t segment)
	__attribute__((warn_unused_result));
void stream_fini(struct stream *stream);

/* The longest run of bytes, up to one segment, that starts at `position`. */
static inline const uint8_t *stream_at(const struct stream *stream, uint64_t position,
				       uint32_t *length)
{
	uint64_t at = position;
	uint64_t end = stream->prefix_length;

	if (position >= stream->prefix_length) {
		at = stream->prefix_length +
		     (position - stream->prefix_length) % stream->lap_length;
		end = (uint64_t)stream->prefix_length + stream->lap_length;
	}
	*length = (uint32_t)(end - at < stream->segment ? end - at : stream->segment);
	return stream->bytes + at;
}

/* Messages that are complete in the first `position` bytes. */
uint64_t stream_messages(const struct stream *stream, uint64_t position);

#endif
