#include "rtmp/amf0.h"
#include "rtmp/amf3.h"
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
	r->amf3 = NULL;
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

/* Marker of the next value as it was sent, or -1. */
static int marker_of(const struct amf0_reader *r)
{
	return r->error || r->at == r->end ? -1 : *r->at;
}

/* Whether the next value stands within an object in AMF3 that was entered. */
static bool is_within_amf3(const struct amf0_reader *r)
{
	return r->amf3 != NULL && r->amf3->entered > 0;
}

static bool is_amf3(const struct amf0_reader *r)
{
	int marker = marker_of(r);

	return marker == AMF0_AVMPLUS || (marker >= 0 && is_within_amf3(r));
}

static struct amf3_reader *share_limits(const struct amf0_reader *r, struct amf3_reader *amf3)
{
	amf3->depth_max = r->depth_max;
	amf3->elements_left = r->elements_left;
	amf3->limit = 0;
	return amf3;
}

/*
 * Begins to read a value in AMF3, behind its marker: with the tables of the message, else with
 * `own` ones.
 */
static struct amf3_reader *open_amf3(const struct amf0_reader *r, struct amf3_reader *own)
{
	const uint8_t *at = r->at + !is_within_amf3(r);

	if (r->amf3 == NULL) {
		amf3_reader_init(own, at, (size_t)(r->end - at));
		return share_limits(r, own);
	}
	r->amf3->at = at;
	r->amf3->end = r->end;
	r->amf3->error = false;
	return share_limits(r, r->amf3);
}

static void close_amf3(struct amf0_reader *r, const struct amf3_reader *amf3)
{
	r->at = amf3->at;
	r->elements_left = amf3->elements_left;
	r->limit = r->error ? r->limit : amf3->limit;
	r->error |= amf3->error;
}

/* The AMF0 marker that comes nearest to one of AMF3. */
static int nearest_marker(uint8_t amf3)
{
	static const uint8_t markers[] = {
		[AMF3_UNDEFINED] = AMF0_UNDEFINED,
		[AMF3_NULL] = AMF0_NULL,
		[AMF3_FALSE] = AMF0_BOOLEAN,
		[AMF3_TRUE] = AMF0_BOOLEAN,
		[AMF3_INTEGER] = AMF0_NUMBER,
		[AMF3_DOUBLE] = AMF0_NUMBER,
		[AMF3_STRING] = AMF0_STRING,
		[AMF3_XML_DOCUMENT] = AMF0_XML,
		[AMF3_DATE] = AMF0_DATE,
		[AMF3_ARRAY] = AMF0_ECMA_ARRAY,
		[AMF3_OBJECT] = AMF0_OBJECT,
		[AMF3_XML] = AMF0_XML,
		[AMF3_BYTE_ARRAY] = AMF0_UNSUPPORTED,
		[AMF3_VECTOR_INT] = AMF0_UNSUPPORTED,
		[AMF3_VECTOR_UINT] = AMF0_UNSUPPORTED,
		[AMF3_VECTOR_DOUBLE] = AMF0_UNSUPPORTED,
		[AMF3_VECTOR_OBJECT] = AMF0_UNSUPPORTED,
		[AMF3_DICTIONARY] = AMF0_UNSUPPORTED,
	};

	return amf3 < sizeof(markers) ? markers[amf3] : AMF0_AVMPLUS;
}

int amf0_peek(const struct amf0_reader *r)
{
	const uint8_t *at = r->at;

	if (!is_amf3(r)) {
		return marker_of(r);
	}
	at += !is_within_amf3(r);
	return at != r->end ? nearest_marker(*at) : AMF0_AVMPLUS;
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
	if (marker_of(r) != (int)marker) {
		r->error = true;
		return false;
	}
	r->at++;
	return count_element(r);
}

static double read_amf3_number(struct amf0_reader *r)
{
	struct amf3_reader own;
	struct amf3_reader *amf3 = open_amf3(r, &own);
	double value = amf3_read_number(amf3);

	close_amf3(r, amf3);
	return value;
}

static bool read_amf3_boolean(struct amf0_reader *r)
{
	struct amf3_reader own;
	struct amf3_reader *amf3 = open_amf3(r, &own);
	bool value = amf3_read_boolean(amf3);

	close_amf3(r, amf3);
	return value;
}

static struct amf0_string read_amf3_string(struct amf0_reader *r)
{
	struct amf3_reader own;
	struct amf3_reader *amf3 = open_amf3(r, &own);
	struct amf0_string s = amf3_read_string(amf3);

	close_amf3(r, amf3);
	return s;
}

static void skip_amf3(struct amf0_reader *r)
{
	struct amf3_reader own;
	struct amf3_reader *amf3 = open_amf3(r, &own);

	amf3_skip(amf3);
	close_amf3(r, amf3);
}

double amf0_read_number(struct amf0_reader *r)
{
	const uint8_t *p;
	uint64_t bits;
	double value;

	if (is_amf3(r)) {
		return read_amf3_number(r);
	}
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

	if (is_amf3(r)) {
		return read_amf3_boolean(r);
	}
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
	bool wide = marker_of(r) == AMF0_LONG_STRING;

	if (is_amf3(r)) {
		return read_amf3_string(r);
	}
	if (!take_marker(r, wide ? AMF0_LONG_STRING : AMF0_STRING)) {
		return (struct amf0_string){.data = "", .len = 0};
	}
	return take_string(r, wide);
}

static void enter_amf3(struct amf0_reader *r)
{
	if (r->amf3 == NULL) {
		r->error = true;
		return;
	}
	amf3_enter(open_amf3(r, NULL));
	close_amf3(r, r->amf3);
}

static bool next_amf3_property(struct amf0_reader *r, struct amf0_string *name)
{
	bool more = amf3_next_property(open_amf3(r, NULL), name);

	close_amf3(r, r->amf3);
	return more;
}

void amf0_enter(struct amf0_reader *r)
{
	if (is_amf3(r)) {
		enter_amf3(r);
		return;
	}
	switch (marker_of(r)) {
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
	if (!r->error && is_within_amf3(r)) {
		return next_amf3_property(r, name);
	}
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
	int marker = marker_of(r);

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
	if (is_amf3(r)) {
		skip_amf3(r);
	} else {
		skip(r, 0);
	}
}

bool amf0_string_equals(struct amf0_string s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}
