/*
 * The head of an audio or video message: all that stands before the coded bytes.
 *
 *	FLV 10.1 E.4.2.1 AudioTagHeader, E.4.3.1 VideoTagHeader
 *	Enhanced RTMP v2, "Enhanced Audio" and "Enhanced Video": ExAudioTagHeader, ExVideoTagHeader,
 *	ModEx, Multitrack
 *
 * One pass without allocation or recursion. The data may be the beginning of the message only: what
 * a head needs beyond it is RTMP_MEDIA_SHORT. A chain of ModEx ends with the data, so that a peer
 * cannot make it longer than its caller lets it.
 */
#ifndef RTMP_MEDIA_H
#define RTMP_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#define RTMP_FOURCC(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/*
 * Codecs by FourCC. Those of Enhanced RTMP first; the others are what FLV numbers stand for, by the
 * names that containers use for them.
 */
enum rtmp_codec {
	RTMP_CODEC_NONE = 0, /* none, or one without a FourCC */
	RTMP_CODEC_VP8 = RTMP_FOURCC('v', 'p', '0', '8'),
	RTMP_CODEC_VP9 = RTMP_FOURCC('v', 'p', '0', '9'),
	RTMP_CODEC_AV1 = RTMP_FOURCC('a', 'v', '0', '1'),
	RTMP_CODEC_AVC = RTMP_FOURCC('a', 'v', 'c', '1'),
	RTMP_CODEC_HEVC = RTMP_FOURCC('h', 'v', 'c', '1'),
	RTMP_CODEC_VVC = RTMP_FOURCC('v', 'v', 'c', '1'),
	RTMP_CODEC_AC3 = RTMP_FOURCC('a', 'c', '-', '3'),
	RTMP_CODEC_EAC3 = RTMP_FOURCC('e', 'c', '-', '3'),
	RTMP_CODEC_OPUS = RTMP_FOURCC('O', 'p', 'u', 's'),
	RTMP_CODEC_MP3 = RTMP_FOURCC('.', 'm', 'p', '3'),
	RTMP_CODEC_FLAC = RTMP_FOURCC('f', 'L', 'a', 'C'),
	RTMP_CODEC_AAC = RTMP_FOURCC('m', 'p', '4', 'a'),
	RTMP_CODEC_SORENSON = RTMP_FOURCC('F', 'L', 'V', '1'),
	RTMP_CODEC_SCREEN = RTMP_FOURCC('F', 'S', 'V', '1'),
	RTMP_CODEC_SCREEN2 = RTMP_FOURCC('F', 'S', 'V', '2'),
	RTMP_CODEC_VP6 = RTMP_FOURCC('V', 'P', '6', 'F'),
	RTMP_CODEC_VP6A = RTMP_FOURCC('V', 'P', '6', 'A'),
	RTMP_CODEC_PCM = RTMP_FOURCC('l', 'p', 'c', 'm'),
	RTMP_CODEC_ADPCM = RTMP_FOURCC('S', 'W', 'F', 'A'),
	RTMP_CODEC_NELLYMOSER = RTMP_FOURCC('n', 'm', 'o', 's'),
	RTMP_CODEC_ALAW = RTMP_FOURCC('a', 'l', 'a', 'w'),
	RTMP_CODEC_MULAW = RTMP_FOURCC('u', 'l', 'a', 'w'),
	RTMP_CODEC_SPEEX = RTMP_FOURCC('s', 'p', 'e', 'x'),
};

/* What the message (or each of its tracks) carries. */
enum rtmp_packet {
	RTMP_PACKET_UNKNOWN = 0,    /* reserved, or not complete */
	RTMP_PACKET_SEQUENCE_START, /* codec configuration */
	RTMP_PACKET_MPEG2TS_START,  /* the same, as a descriptor of MPEG-2 TS (AV1) */
	RTMP_PACKET_CODED,          /* coded frames */
	RTMP_PACKET_SEQUENCE_END,
	RTMP_PACKET_METADATA,     /* video: AMF name and value pairs ("colorInfo") */
	RTMP_PACKET_MULTICHANNEL, /* audio: order and number of channels */
	RTMP_PACKET_COMMAND,      /* video: a command to the player, no body */
	RTMP_PACKET_SILENCE,      /* audio message of length 0 */
};

/* FLV E.4.3.1 FrameType, with those of Enhanced RTMP. */
enum rtmp_frame {
	RTMP_FRAME_NONE = 0,
	RTMP_FRAME_KEY = 1,
	RTMP_FRAME_INTER = 2,
	RTMP_FRAME_DISPOSABLE = 3,
	RTMP_FRAME_GENERATED_KEY = 4,
	RTMP_FRAME_COMMAND = 5,
};

enum rtmp_multitrack {
	RTMP_TRACKS_NONE = 0,    /* not multitrack: track 0 */
	RTMP_TRACKS_ONE,         /* its id is said */
	RTMP_TRACKS_MANY,        /* of one codec */
	RTMP_TRACKS_MANY_CODECS, /* each has its own */
};

enum rtmp_media_status {
	RTMP_MEDIA_OK = 0,
	RTMP_MEDIA_SHORT = -1,   /* the head goes on behind the data */
	RTMP_MEDIA_INVALID = -2, /* reserved values */
};

struct rtmp_media {
	uint32_t codec;         /* enum rtmp_codec or any FourCC; 0: not known, or many */
	uint32_t body;          /* offset of the coded bytes; of many tracks the first one's head */
	uint32_t offset_ns;     /* to be added to the timestamp: 0 to 999999 */
	int32_t composition_ms; /* of one track: presentation minus decoding time */
	uint8_t packet;         /* enum rtmp_packet */
	uint8_t frame;          /* video: enum rtmp_frame */
	uint8_t multitrack;     /* enum rtmp_multitrack */
	uint8_t track;          /* of many the first one */
	uint8_t sound;          /* audio before Enhanced RTMP: SoundRate, SoundSize, SoundType */
	uint8_t modex;          /* how many ModEx there are, at most 255 */
	bool enhanced;
	bool composition_inside; /* of many tracks: coded frames may begin with composition time */
};

/*
 * Reads the head of a message of type RTMP_TYPE_AUDIO or RTMP_TYPE_VIDEO whose first `len` bytes
 * are at `data`. Returns enum rtmp_media_status; what was understood until there is set in any
 * case, and `packet` is RTMP_PACKET_UNKNOWN unless all that makes it up was there. Composition time
 * that is missing at the end is no error: old cameras send such empty frames.
 */
int rtmp_media_read(struct rtmp_media *media, uint8_t type, const uint8_t *data, uint32_t len);

/* One track of a message. */
struct rtmp_track {
	uint32_t codec;
	uint32_t body;   /* offset of its coded bytes in the message */
	uint32_t length; /* bytes of them */
	int32_t composition_ms;
	uint8_t id;
};

/* Walks the tracks of a message; there is one if it is not multitrack. */
struct rtmp_tracks {
	struct rtmp_media media;
	uint32_t total; /* bytes of the message */
	uint32_t at;    /* where the next track's head stands */
	bool over;
};

#define RTMP_TRACK_HEAD 11u /* bytes of the longest: FourCC, id, size, composition time */

/* `media` as rtmp_media_read() left it, of a message of `total` bytes. */
void rtmp_tracks_init(struct rtmp_tracks *tracks, const struct rtmp_media *media, uint32_t total);

/*
 * The next track, whose head is at `data`, which is the message at offset tracks->at: `len` bytes
 * of it, RTMP_TRACK_HEAD unless it ends before. 1, 0 after the last one, or RTMP_MEDIA_INVALID for
 * one that is longer than the message.
 */
int rtmp_tracks_next(struct rtmp_tracks *tracks, const uint8_t *data, uint32_t len,
		     struct rtmp_track *track);

/*
 * A FourCC as text, into `out`: what is not a printable character, and what a terminal or a quoted
 * string could trip over, is shown as '?'.
 */
#define RTMP_FOURCC_TEXT 5u
void rtmp_fourcc_text(uint32_t fourcc, char out[RTMP_FOURCC_TEXT]);

#endif
