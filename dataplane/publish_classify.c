#include "dataplane/publish_classify.h"

#include <assert.h>

#include "dataplane/message.h"

/* The beginning of a message is read so far where its first RTMP_CLASSIFY_BYTES do not tell. */
#define LONG_BYTES 1024u

static_assert((int)ABI_LOG_KEYFRAME == RTMP_MEDIA_KEYFRAME &&
		      (int)ABI_LOG_SEQUENCE_HEADER == RTMP_MEDIA_SEQUENCE_HEADER &&
		      (int)ABI_LOG_METADATA == RTMP_MEDIA_METADATA &&
		      (int)ABI_LOG_DROPPABLE == RTMP_MEDIA_DROPPABLE &&
		      (int)ABI_LOG_TRACKS == RTMP_MEDIA_TRACKS,
	      "flags of the log are those of rtmp_classify()");
static_assert((int)ABI_HEADER_METADATA == RTMP_HEADER_METADATA &&
		      (int)ABI_HEADER_VIDEO == RTMP_HEADER_VIDEO &&
		      (int)ABI_HEADER_AUDIO == RTMP_HEADER_AUDIO &&
		      (int)ABI_HEADER_CHANNELS == RTMP_HEADER_CHANNELS &&
		      (int)ABI_HEADER_VIDEO_META == RTMP_HEADER_VIDEO_META,
	      "and so are headers");

/* A head with more extensions than messages keep of themselves. */
static struct rtmp_class classify_long(uint8_t type, const struct message_pool *messages,
				       const struct message *message)
{
	uint8_t data[LONG_BYTES];
	uint32_t len = message_copy(messages, message, data, sizeof(data));

	return rtmp_classify(type, data, len);
}

/*
 * GOPs are those of the lowest video track that there is: mostly 0, the default one of Enhanced
 * RTMP. Decoding cannot start at a keyframe of another.
 */
static bool begins_gop(struct publication *p, uint8_t track)
{
	if (track < p->video_track) {
		p->video_track = track;
	}
	return track == p->video_track;
}

void publish_classify(struct publication *p, struct abi_log_entry *entry,
		      const struct message_pool *messages, const struct message *message)
{
	struct rtmp_class c = rtmp_classify(entry->type, message->start, message->start_len);

	if (c.incomplete && message->bytes > message->start_len) {
		c = classify_long(entry->type, messages, message);
	}
	if ((c.flags & RTMP_MEDIA_KEYFRAME) && !begins_gop(p, c.track)) {
		c.flags &= (uint8_t)~RTMP_MEDIA_KEYFRAME;
	}
	entry->flags = c.flags;
	entry->header = c.header;
	entry->track = c.track;
}
