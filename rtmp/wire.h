/*
 * Integers on the wire: big-endian everywhere but the message stream id, which is little-endian
 * (RTMP 1.0 section 5.3.1.2.1).
 */
#ifndef RTMP_WIRE_H
#define RTMP_WIRE_H

#include <stdint.h>

static inline uint32_t rtmp_get_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t rtmp_get_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t rtmp_get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | rtmp_get_be24(p + 1);
}

static inline uint32_t rtmp_get_le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void rtmp_set_be16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void rtmp_set_be24(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 16);
	rtmp_set_be16(p + 1, value);
}

static inline void rtmp_set_be32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	rtmp_set_be24(p + 1, value);
}

static inline void rtmp_set_le32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)(value >> 16);
	p[3] = (uint8_t)(value >> 24);
}

#endif
