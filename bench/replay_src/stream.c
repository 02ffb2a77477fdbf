#include "bench/replay_src/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rtmp/chunk_writer.h"

#define KEYFRAME_TIMES   8u
#define FRAME_MS         33u
#define AUDIO_BYTES      370u
#define STREAM_ID        1u /* what a server answers to the first createStream */
#define VIDEO_CSID       6u
#define AUDIO_CSID       4u
#define DATA_CSID        5u
#define PADDING_SEGMENTS 8u

struct build {
	struct rtmp_chunk_writer writer;
	struct rtmp_out out;
	uint32_t time_ms;
	uint32_t message;
	uint32_t padding; /* of the last inter frame of a lap */
	uint8_t *payload; /* as long as a keyframe or a padded frame */
};

static void put(struct build *b, uint32_t csid, uint8_t type, const uint8_t *payload,
		uint32_t length)
{
	const struct rtmp_message msg = {
		.timestamp = b->time_ms,
		.length = length,
		.stream_id = STREAM_ID,
		.csid = csid,
		.type = type,
	};

	(void)rtmp_chunk_writer_put(&b->writer, &msg, payload, &b->out);
}

/* FLV E.4.3.1: AVC, NAL units, no composition time. */
static void put_video(struct build *b, uint32_t frame)
{
	uint32_t length = frame == 0 ? KEYFRAME_TIMES * b->message : b->message;

	if (frame == STREAM_FRAMES - 1) {
		length += b->padding;
	}
	b->payload[0] = frame == 0 ? 0x17 : 0x27;
	b->payload[1] = 1;
	memset(b->payload + 2, 0, 3);
	put(b, VIDEO_CSID, RTMP_TYPE_VIDEO, b->payload, length);
}

static void put_lap(struct build *b, uint32_t *end)
{
	size_t begin = b->out.len;

	for (size_t i = 0; i < STREAM_FRAMES; i++) {
		b->time_ms += FRAME_MS;
		put_video(b, (uint32_t)i);
		end[2 * i] = (uint32_t)(b->out.len - begin);
		b->payload[0] = 0xaf; /* AAC (FLV E.4.2.1), raw */
		b->payload[1] = 1;
		put(b, AUDIO_CSID, RTMP_TYPE_AUDIO, b->payload, AUDIO_BYTES);
		end[2 * i + 1] = (uint32_t)(b->out.len - begin);
	}
}

static void put_preamble(struct build *b, struct stream *stream)
{
	static const uint8_t metadata[] = {2,   0,   10,  'o', 'n', 'M', 'e', 't', 'a',
					   'D', 'a', 't', 'a', 3,   0,   0,   9};
	static const uint8_t avc[] = {0x17, 0,    0, 0,    0, 1, 0x64, 0,    0x1f, 0xff, 0xe1, 0, 4,
				      0x67, 0x64, 0, 0x1f, 1, 0, 4,    0x68, 0xeb, 0xe3, 0xcb};
	static const uint8_t aac[] = {0xaf, 0, 0x12, 0x10};

	put(b, DATA_CSID, RTMP_TYPE_DATA_AMF0, metadata, sizeof(metadata));
	stream->prefix_end[0] = (uint32_t)b->out.len;
	put(b, VIDEO_CSID, RTMP_TYPE_VIDEO, avc, sizeof(avc));
	stream->prefix_end[1] = (uint32_t)b->out.len;
	put(b, AUDIO_CSID, RTMP_TYPE_AUDIO, aac, sizeof(aac));
	stream->prefix_end[2] = (uint32_t)b->out.len;
}

/* Prefix, lap, and the lap once more, for comparison. */
static int put_all(struct build *b, struct stream *stream, uint32_t chunk_size)
{
	uint32_t again[2 * STREAM_FRAMES];

	rtmp_chunk_writer_init(&b->writer, chunk_size);
	b->out.len = 0;
	b->time_ms = 0;
	put_preamble(b, stream);
	stream->prefix_messages = 3 + 2 * STREAM_FRAMES;
	put_lap(b, stream->prefix_end + 3);
	for (uint32_t i = 3; i < stream->prefix_messages; i++) {
		stream->prefix_end[i] += stream->prefix_end[2];
	}
	stream->prefix_length = (uint32_t)b->out.len;
	put_lap(b, stream->lap_end);
	stream->lap_length = (uint32_t)b->out.len - stream->prefix_length;
	put_lap(b, again);
	if (b->out.overflow) {
		return -ENOMEM;
	}
	const uint8_t *lap = stream->bytes + stream->prefix_length;
	return memcmp(lap, lap + stream->lap_length, stream->lap_length) == 0 ? 0 : -EPROTO;
}

static uint32_t chunked(uint32_t length, uint32_t chunk_size)
{
	return length + (length - 1) / chunk_size; /* a byte of header between two chunks */
}

/*
 * Bytes that the last inter frame has to be longer for laps to be whole segments: at least one, as
 * in the lap that was tried, so that its chunk header does not change its size.
 */
static uint32_t find_padding(const struct stream *stream, uint32_t chunk_size, uint32_t message)
{
	uint32_t padding = 1;
	uint32_t others = stream->lap_length - chunked(message + padding, chunk_size);

	while (padding < PADDING_SEGMENTS * stream->segment &&
	       (others + chunked(message + padding, chunk_size)) % stream->segment != 0) {
		padding++;
	}
	return padding;
}

int stream_init(struct stream *stream, uint32_t chunk_size, uint32_t message, uint32_t segment)
{
	size_t keyframe = (size_t)message * KEYFRAME_TIMES;
	size_t padding = (size_t)segment * PADDING_SEGMENTS;
	size_t payload = keyframe + padding + AUDIO_BYTES;
	size_t frame = (size_t)message + AUDIO_BYTES + 64;
	size_t lap = keyframe + padding + frame * STREAM_FRAMES;
	size_t room = 3 * (lap + lap / chunk_size) + 4096;

	*stream = (struct stream){
		.chunk_size = chunk_size, .segment = segment, .bytes = malloc(room)};
	struct build b = {.message = message, .padding = 1, .payload = malloc(payload)};
	if (stream->bytes == NULL || b.payload == NULL) {
		free(b.payload);
		stream_fini(stream);
		return -ENOMEM;
	}
	for (size_t i = 0; i < payload; i++) {
		b.payload[i] = (uint8_t)(i % 251);
	}
	b.out = (struct rtmp_out){.data = stream->bytes, .cap = room};
	int err = put_all(&b, stream, chunk_size);
	if (err == 0) {
		b.padding = find_padding(stream, chunk_size, message);
		err = put_all(&b, stream, chunk_size);
	}
	free(b.payload);
	if (err == 0 && stream->lap_length % segment != 0) {
		err = -EPROTO;
	}
	if (err < 0) {
		stream_fini(stream);
	}
	return err;
}

void stream_fini(struct stream *stream)
{
	free(stream->bytes);
	stream->bytes = NULL;
}

static uint32_t count_ends(const uint32_t *ends, uint32_t count, uint64_t position)
{
	uint32_t n = 0;

	while (n < count && ends[n] <= position) {
		n++;
	}
	return n;
}

uint64_t stream_messages(const struct stream *stream, uint64_t position)
{
	if (position < stream->prefix_length) {
		return count_ends(stream->prefix_end, stream->prefix_messages, position);
	}
	position -= stream->prefix_length;
	uint64_t laps = position / stream->lap_length;
	return stream->prefix_messages + laps * 2 * STREAM_FRAMES +
	       count_ends(stream->lap_end, 2 * STREAM_FRAMES, position % stream->lap_length);
}
