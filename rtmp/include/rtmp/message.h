/*
 * Message types and the message header (RTMP 1.0 sections 5.3.1, 5.4 and 7.1).
 */
#ifndef RTMP_MESSAGE_H
#define RTMP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

enum rtmp_type {
	RTMP_TYPE_SET_CHUNK_SIZE = 1,
	RTMP_TYPE_ABORT = 2,
	RTMP_TYPE_ACK = 3,
	RTMP_TYPE_USER_CONTROL = 4,
	RTMP_TYPE_WINDOW_ACK_SIZE = 5,
	RTMP_TYPE_SET_PEER_BANDWIDTH = 6,
	RTMP_TYPE_AUDIO = 8,
	RTMP_TYPE_VIDEO = 9,
	RTMP_TYPE_DATA_AMF3 = 15,
	RTMP_TYPE_SHARED_OBJECT_AMF3 = 16,
	RTMP_TYPE_COMMAND_AMF3 = 17,
	RTMP_TYPE_DATA_AMF0 = 18,
	RTMP_TYPE_SHARED_OBJECT_AMF0 = 19,
	RTMP_TYPE_COMMAND_AMF0 = 20,
	RTMP_TYPE_AGGREGATE = 22,
};

enum rtmp_user_control {
	RTMP_USER_STREAM_BEGIN = 0,
	RTMP_USER_STREAM_EOF = 1,
	RTMP_USER_STREAM_DRY = 2,
	RTMP_USER_SET_BUFFER_LENGTH = 3,
	RTMP_USER_STREAM_IS_RECORDED = 4,
	RTMP_USER_PING_REQUEST = 6,
	RTMP_USER_PING_RESPONSE = 7,
};

struct rtmp_message {
	uint32_t timestamp; /* ms, absolute, modulo 2^32 */
	uint32_t length;    /* bytes of payload */
	uint32_t stream_id; /* message stream */
	uint32_t csid;      /* chunk stream, 2 to 65599 */
	uint8_t type;       /* enum rtmp_type, or any other value a peer sends */
};

/*
 * What a media message is to those who forward it, told from its first bytes (FLV E.4.2, E.4.3;
 * Enhanced RTMP v2). Bits are those of the log entry.
 */
enum rtmp_media_flags {
	RTMP_MEDIA_KEYFRAME = 1 << 0,        /* a coded picture that decoding can start at */
	RTMP_MEDIA_SEQUENCE_HEADER = 1 << 1, /* codec configuration of audio or video */
	RTMP_MEDIA_METADATA = 1 << 2,        /* onMetaData, video metadata (colour information), or
						audio multichannel configuration */
	RTMP_MEDIA_DROPPABLE = 1 << 3,       /* disposable inter frame */
	RTMP_MEDIA_TRACKS = 1 << 4,          /* several tracks in one message */
};

/*
 * Headers: messages that a decoder needs before anything else, in the order in which it takes them.
 * A stream has one of each kind for each track. Values are those of the log entry.
 */
enum rtmp_header {
	RTMP_HEADER_NONE = 0,
	RTMP_HEADER_METADATA,   /* onMetaData */
	RTMP_HEADER_VIDEO,      /* codec configuration, as such or as an MPEG-2 TS descriptor */
	RTMP_HEADER_AUDIO,      /* codec configuration */
	RTMP_HEADER_CHANNELS,   /* audio multichannel configuration */
	RTMP_HEADER_VIDEO_META, /* video metadata: colour information */
	RTMP_HEADER_KINDS
};

struct rtmp_class {
	uint8_t flags;   /* enum rtmp_media_flags */
	uint8_t header;  /* enum rtmp_header */
	uint8_t track;   /* of Enhanced RTMP; of several the first one */
	bool incomplete; /* more bytes than `len` could have told more */
};

#define RTMP_CLASSIFY_BYTES 40u

/*
 * Class of a message whose first `len` bytes (all of it, or at least RTMP_CLASSIFY_BYTES) are at
 * `data`. Never fails: what is not understood is of no class.
 */
struct rtmp_class rtmp_classify(uint8_t type, const uint8_t *data, uint32_t len);

#endif
