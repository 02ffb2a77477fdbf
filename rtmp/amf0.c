#include "rtmp/amf0.h"
#include "rtmp/error.h"
#include "wire.h"

#include <string.h>

#define AMF0_MOVIECLIP 4 /* reserved: no value follows that we could step over */
#define AMF0_RECORDSET 14

void amf0_reader_init(struct amf0_reader *r, const void *data, size_t len)
{
	r->at = data;
	r->end = r->at + len;
	r->error = false;
	r->depth_max = AMF0_DEPTH_MAX;
	r->elements_left = AMF0_ELEMENTS_MAX;
	r->limit = 0;
}

void amf0_reader_limit(struct amf0_reader *r, uint32_t depth_max, uint32_t elements_max)
{
	if (depth_max != 0 && depth_max < r->depth_max) {
		r->depth_max = (uint16_t)depth_max;
	}
	if (elements_max != 0 && elements_max < r->elements_left) {
		r->elements_left = (uint16_t)elements_max;
	}
}

int amf0_error(const struct amf0_reader *r)
{
	if (r->limit != 0) {
		return r->limit;
	}
	return r->error ? RTMP_ERR(AMF) : 0;
}

static void exceed(struct amf0_reader *r, int limit)
{
	r->limit = r->error ? r->limit : (int8_t)limit;
	r->error = true;
}

/* One more value; false when there may be none. */
static bool count_element(struct amf0_reader *r)
{
	if (r->elements_left == 0) {
		exceed(r, RTMP_ERR(AMF_ELEMENTS));
		return false;
	}
	r->elements_left--;
	return true;
}

int amf0_peek(const struct amf0_reader *r)
{
	return r->error || r->at == r->end ? -1 : *r->at;
}

/* The next `n` bytes, or NULL and the error sticks. */
static const uint8_t *take(struct amf0_reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->error || (size_t)(r->end - at) < n) {
		r->error = true;
		return NULL;
	}
	r->at += n;
	return at;
}

static bool take_marker(struct amf0_reader *r, enum amf0_marker marker)
{
	if (amf0_peek(r) != (int)marker) {
		r->error = true;
		return false;
	}
	r->at++;
	return count_element(r);
}

double amf0_read_number(struct amf0_reader *r)
{
	const uint8_t *p;
	uint64_t bits;
	double value;

	if (!take_marker(r, AMF0_NUMBER)) {
		return 0;
	}
	p = take(r, 8);
	if (p == NULL) {
		return 0;
	}
	bits = (uint64_t)rtmp_get_be32(p) << 32 | rtmp_get_be32(p + 4);
	memcpy(&value, &bits, sizeof(value));
	return value;
}

bool amf0_read_boolean(struct amf0_reader *r)
{
	const uint8_t *p;

	if (!take_marker(r, AMF0_BOOLEAN)) {
		return false;
	}
	p = take(r, 1);
	return p != NULL && *p != 0;
}

static struct amf0_string take_string(struct amf0_reader *r, bool wide)
{
	struct amf0_string s = {.data = "", .len = 0};
	const uint8_t *p = take(r, wide ? 4 : 2);
	uint32_t len;

	if (p == NULL) {
		return s;
	}
	len = wide ? rtmp_get_be32(p) : rtmp_get_be16(p);
	p = take(r, len);
	if (p != NULL) {
		s.data = (const char *)p;
		s.len = len;
	}
	return s;
}

struct amf0_string amf0_read_string(struct amf0_reader *r)
{
	bool wide = amf0_peek(r) == AMF0_LONG_STRING;

	if (!take_marker(r, wide ? AMF0_LONG_STRING : AMF0_STRING)) {
		return (struct amf0_string){.data = "", .len = 0};
	}
	return take_string(r, wide);
}

void amf0_enter(struct amf0_reader *r)
{
	switch (amf0_peek(r)) {
	case AMF0_OBJECT:
		r->at++;
		break;
	case AMF0_ECMA_ARRAY:
		take(r, 5); /* encoders write any count: the end marker counts */
		break;
	case AMF0_TYPED_OBJECT:
		r->at++;
		take_string(r, false);
		break;
	default:
		r->error = true;
		break;
	}
}

bool amf0_next_property(struct amf0_reader *r, struct amf0_string *name)
{
	if (r->error || r->at == r->end) {
		return false;
	}
	*name = take_string(r, false);
	if (r->error) {
		return false;
	}
	if (name->len == 0 && (r->at == r->end || *r->at == AMF0_OBJECT_END)) {
		r->at += r->at != r->end;
		return false;
	}
	return true;
}

static void skip(struct amf0_reader *r, uint32_t depth);

static void skip_properties(struct amf0_reader *r, uint32_t depth)
{
	struct amf0_string name;

	amf0_enter(r);
	while (amf0_next_property(r, &name)) {
		skip(r, depth);
	}
}

uint32_t amf0_enter_array(struct amf0_reader *r)
{
	const uint8_t *p = take_marker(r, AMF0_STRICT_ARRAY) ? take(r, 4) : NULL;

	return p != NULL ? rtmp_get_be32(p) : 0;
}

static void skip_strict_array(struct amf0_reader *r, uint32_t depth)
{
	uint32_t count = amf0_enter_array(r);

	/* Each element takes at least its marker, so the data bounds the loop, not the count. */
	while (count-- > 0 && !r->error) {
		skip(r, depth);
	}
}

/* AMF 3 section 1.3.1: up to 4 bytes, 7 bits in each but the fourth, which has 8. */
static uint32_t take_u29(struct amf0_reader *r)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		const uint8_t *p = take(r, 1);

		if (p == NULL) {
			return 0;
		}
		if (i == 3) {
			return value << 8 | *p;
		}
		value = value << 7 | (*p & 0x7f);
		if (*p < 0x80) {
			break;
		}
	}
	return value;
}

/*
 * A value in AMF 3 behind the avmplus marker, for that value only. Scalars and strings are what
 * commands carry; what is built from traits and references is refused.
 */
static void skip_amf3(struct amf0_reader *r)
{
	const uint8_t *p = take(r, 2);
	uint32_t length;

	switch (p != NULL ? p[1] : 0xff) {
	case 0: /* undefined */
	case 1: /* null */
	case 2: /* false */
	case 3: /* true */
		break;
	case 4: /* integer */
		take_u29(r);
		break;
	case 5: /* double */
		take(r, 8);
		break;
	case 6: /* string: length with the low bit set, or a reference */
		length = take_u29(r);
		take(r, length & 1 ? length >> 1 : 0);
		break;
	default:
		r->error = true;
		break;
	}
}

static void skip(struct amf0_reader *r, uint32_t depth)
{
	/* Bytes with the marker; 0xff: not a fixed size; 0: not a value. */
	static const uint8_t sizes[] = {
		[AMF0_NUMBER] = 9,
		[AMF0_BOOLEAN] = 2,
		[AMF0_STRING] = 0xff,
		[AMF0_OBJECT] = 0xff,
		[AMF0_NULL] = 1,
		[AMF0_UNDEFINED] = 1,
		[AMF0_REFERENCE] = 3,
		[AMF0_ECMA_ARRAY] = 0xff,
		[AMF0_STRICT_ARRAY] = 0xff,
		[AMF0_DATE] = 11,
		[AMF0_LONG_STRING] = 0xff,
		[AMF0_UNSUPPORTED] = 1,
		[AMF0_XML] = 0xff,
		[AMF0_TYPED_OBJECT] = 0xff,
		[AMF0_AVMPLUS] = 0xff,
		[AMF0_MOVIECLIP] = 0,
		[AMF0_RECORDSET] = 0,
		[AMF0_OBJECT_END] = 0,
	};
	int marker = amf0_peek(r);

	if (marker < 0 || (size_t)marker >= sizeof(sizes) || sizes[marker] == 0) {
		r->error = true;
		return;
	}
	if (depth >= r->depth_max) {
		exceed(r, RTMP_ERR(AMF_DEPTH));
		return;
	}
	if (!count_element(r)) {
		return;
	}
	if (sizes[marker] != 0xff) {
		take(r, sizes[marker]);
		return;
	}
	switch (marker) {
	case AMF0_STRICT_ARRAY:
		skip_strict_array(r, depth + 1);
		break;
	case AMF0_AVMPLUS:
		skip_amf3(r);
		break;
	case AMF0_STRING:
	case AMF0_LONG_STRING:
	case AMF0_XML:
		r->at++;
		take_string(r, marker != AMF0_STRING);
		break;
	default:
		skip_properties(r, depth + 1);
		break;
	}
}

void amf0_skip(struct amf0_reader *r)
{
	skip(r, 0);
}

bool amf0_string_equals(struct amf0_string s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}
