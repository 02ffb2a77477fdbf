/*
 * What the commands need of the AMF0 writer beside the public functions of rtmp/amf0.h.
 */
#ifndef RTMP_AMF0_WRITE_H
#define RTMP_AMF0_WRITE_H

#include "rtmp/amf0.h"

void amf0_write_string_n(struct rtmp_out *out, const char *text, size_t len);
void amf0_write_undefined(struct rtmp_out *out);

/* `count` values must follow. */
void amf0_write_strict_array(struct rtmp_out *out, uint32_t count);

#endif
