/*
 * Writing FLV (Adobe Flash Video File Format Specification 10.1, annex E): the few bytes around the
 * bodies of messages, which are those of RTMP. Enhanced RTMP is the same in both.
 *
 * A file is a header, and for each message a tag header, the body, and a trailer.
 */
#ifndef RTMP_FLV_H
#define RTMP_FLV_H

#include "rtmp/message.h"

#define RTMP_FLV_FILE_HEADER 13u /* bytes, with the first trailer (E.2, E.3) */
#define RTMP_FLV_TAG_HEADER  11u /* E.4.1 */
#define RTMP_FLV_TAG_TRAILER 4u
#define RTMP_FLV_BODY_MAX    ((1u << 24) - 1)
#define RTMP_FLV_PEEK        17u /* bytes of a body that rtmp_flv_tag() looks at */
#define RTMP_FLV_FLAGS_AT    4u  /* offset of the flags in the file */

enum rtmp_flv_flags { RTMP_FLV_HAS_VIDEO = 1, RTMP_FLV_HAS_AUDIO = 4 };

/* How a message becomes a tag. */
struct rtmp_flv_tag {
	uint8_t type;     /* of the tag; 0: the message is none */
	uint32_t skipped; /* bytes of the body that are left out at its beginning */
	uint32_t length;  /* of what is left */
};

/*
 * `data` is the message, at least its first RTMP_FLV_PEEK bytes. Of data "@setDataFrame" is left
 * out, which is for servers, and of AMF3 data the byte that says that AMF0 follows.
 */
struct rtmp_flv_tag rtmp_flv_tag(uint8_t type, const uint8_t *data, uint32_t length);

void rtmp_flv_file_header(uint8_t out[RTMP_FLV_FILE_HEADER], uint8_t flags);
void rtmp_flv_tag_header(uint8_t out[RTMP_FLV_TAG_HEADER], uint8_t type, uint32_t timestamp,
			 uint32_t length);
void rtmp_flv_tag_trailer(uint8_t out[RTMP_FLV_TAG_TRAILER], uint32_t length);

#endif
