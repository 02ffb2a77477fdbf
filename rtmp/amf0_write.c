#include "amf0_write.h"
#include "wire.h"

#include <string.h>

void amf0_write_number(struct rtmp_out *out, double value)
{
	uint8_t bytes[9] = {AMF0_NUMBER};
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	rtmp_set_be32(bytes + 1, (uint32_t)(bits >> 32));
	rtmp_set_be32(bytes + 5, (uint32_t)bits);
	rtmp_out_put(out, bytes, sizeof(bytes));
}

void amf0_write_boolean(struct rtmp_out *out, bool value)
{
	uint8_t bytes[2] = {AMF0_BOOLEAN, value};

	rtmp_out_put(out, bytes, sizeof(bytes));
}

void amf0_write_string_n(struct rtmp_out *out, const char *text, size_t len)
{
	uint8_t bytes[5] = {len > UINT16_MAX ? AMF0_LONG_STRING : AMF0_STRING};

	if (len > UINT16_MAX) {
		rtmp_set_be32(bytes + 1, (uint32_t)len);
		rtmp_out_put(out, bytes, 5);
	} else {
		rtmp_set_be16(bytes + 1, (uint32_t)len);
		rtmp_out_put(out, bytes, 3);
	}
	rtmp_out_put(out, text, len);
}

void amf0_write_string(struct rtmp_out *out, const char *text)
{
	amf0_write_string_n(out, text, strlen(text));
}

static void write_marker(struct rtmp_out *out, enum amf0_marker marker)
{
	uint8_t byte = (uint8_t)marker;

	rtmp_out_put(out, &byte, 1);
}

void amf0_write_null(struct rtmp_out *out)
{
	write_marker(out, AMF0_NULL);
}

void amf0_write_undefined(struct rtmp_out *out)
{
	write_marker(out, AMF0_UNDEFINED);
}

void amf0_write_object_begin(struct rtmp_out *out)
{
	write_marker(out, AMF0_OBJECT);
}

void amf0_write_name(struct rtmp_out *out, const char *name)
{
	size_t len = strlen(name);
	uint8_t bytes[2];

	if (len > UINT16_MAX) {
		out->overflow = true;
		return;
	}
	rtmp_set_be16(bytes, (uint32_t)len);
	rtmp_out_put(out, bytes, sizeof(bytes));
	rtmp_out_put(out, name, len);
}

void amf0_write_object_end(struct rtmp_out *out)
{
	static const uint8_t bytes[3] = {0, 0, AMF0_OBJECT_END};

	rtmp_out_put(out, bytes, sizeof(bytes));
}

void amf0_write_strict_array(struct rtmp_out *out, uint32_t count)
{
	uint8_t bytes[5] = {AMF0_STRICT_ARRAY};

	rtmp_set_be32(bytes + 1, count);
	rtmp_out_put(out, bytes, sizeof(bytes));
}
