/*
 * What a publisher's encoder said of itself in connect, for people and for programs.
 */
#ifndef REPORT_ENCODER_H
#define REPORT_ENCODER_H

#include <jansson.h>

#include "abi/pub.h"

/*
 * Adds to `object`: "encoder" (flashVer), "protocol" (what it offered beyond RTMP 1.0, in words),
 * "caps_ex", "video_function", "enhanced", "amf3".
 */
void report_encoder(json_t *object, const struct abi_stream *slot);

#endif
