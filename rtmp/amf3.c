#include "rtmp/amf3.h"
#include "rtmp/error.h"
#include "wire.h"

#include <string.h>

#define U29_BYTES 4

void amf3_reader_init(struct amf3_reader *r, const void *data, size_t len)
{
	r->at = data;
	r->end = r->at + len;
	r->error = false;
	r->depth_max = AMF0_DEPTH_MAX;
	r->elements_left = AMF0_ELEMENTS_MAX;
	r->limit = 0;
	r->entered = 0;
	r->strings_count = 0;
	r->traits_count = 0;
	r->objects = 0;
}

int amf3_peek(const struct amf3_reader *r)
{
	return r->error || r->at == r->end ? -1 : *r->at;
}

/* The next `n` bytes, or NULL and the error sticks. */
static const uint8_t *take(struct amf3_reader *r, uint64_t n)
{
	const uint8_t *at = r->at;

	if (r->error || (uint64_t)(r->end - at) < n) {
		r->error = true;
		return NULL;
	}
	r->at += n;
	return at;
}

/* Section 1.3.1: up to 4 bytes, 7 bits in each but the fourth, which has 8. */
static uint32_t take_u29(struct amf3_reader *r)
{
	uint32_t value = 0;

	for (int i = 1; i <= U29_BYTES; i++) {
		const uint8_t *p = take(r, 1);

		if (p == NULL) {
			return 0;
		}
		if (i == U29_BYTES) {
			return value << 8 | *p;
		}
		value = value << 7 | (*p & 0x7f);
		if (*p < 0x80) {
			break;
		}
	}
	return value;
}

/* Section 1.3.2. The empty string is never sent as a reference and is not counted. */
static struct amf0_string take_string(struct amf3_reader *r)
{
	struct amf0_string s = {.data = "", .len = 0};
	uint32_t head = take_u29(r);
	const uint8_t *p;

	if (!(head & 1)) {
		if (!r->error && head >> 1 < r->strings_count) {
			return r->strings[head >> 1];
		}
		r->error = true;
		return s;
	}
	p = take(r, head >> 1);
	if (p == NULL || head >> 1 == 0) {
		return s;
	}
	s.data = (const char *)p;
	s.len = head >> 1;
	if (r->strings_count < AMF3_STRINGS_MAX) {
		r->strings[r->strings_count++] = s;
	}
	return s;
}

/* Head of what may be sent as a reference: true when it is there itself. */
static bool take_head(struct amf3_reader *r, uint32_t *head)
{
	*head = take_u29(r);
	if (r->error) {
		return false;
	}
	if (*head & 1) {
		*head >>= 1;
		r->objects++;
		return true;
	}
	r->error = *head >> 1 >= r->objects;
	return false;
}

static void exceed(struct amf3_reader *r, int limit)
{
	r->limit = r->error ? r->limit : (int8_t)limit;
	r->error = true;
}

/* Steps over the marker of one more value, unless there may be no more. */
static void take_marker(struct amf3_reader *r)
{
	if (r->elements_left == 0) {
		exceed(r, RTMP_ERR(AMF_ELEMENTS));
		return;
	}
	r->elements_left--;
	r->at++;
}

double amf3_read_number(struct amf3_reader *r)
{
	int marker = amf3_peek(r);
	const uint8_t *p;
	uint64_t bits;
	double value = 0;

	if (marker != AMF3_INTEGER && marker != AMF3_DOUBLE) {
		r->error = true;
		return 0;
	}
	take_marker(r);
	if (marker == AMF3_INTEGER) {
		/* 29 bits, the highest of them the sign. */
		return (int32_t)(take_u29(r) << 3) >> 3;
	}
	p = take(r, 8);
	if (p != NULL) {
		bits = (uint64_t)rtmp_get_be32(p) << 32 | rtmp_get_be32(p + 4);
		memcpy(&value, &bits, sizeof(value));
	}
	return value;
}

bool amf3_read_boolean(struct amf3_reader *r)
{
	int marker = amf3_peek(r);

	if (marker != AMF3_FALSE && marker != AMF3_TRUE) {
		r->error = true;
		return false;
	}
	take_marker(r);
	return !r->error && marker == AMF3_TRUE;
}

struct amf0_string amf3_read_string(struct amf3_reader *r)
{
	if (amf3_peek(r) != AMF3_STRING) {
		r->error = true;
		return (struct amf0_string){.data = "", .len = 0};
	}
	take_marker(r);
	return take_string(r);
}

static bool writes_one_value(struct amf0_string class)
{
	static const char *const classes[] = {
		"flex.messaging.io.ArrayCollection",
		"flex.messaging.io.ArrayList",
		"flex.messaging.io.ObjectProxy",
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (amf0_string_equals(class, classes[i])) {
			return true;
		}
	}
	return false;
}

/* Section 3.12, U29O-traits and U29O-traits-ext; `head` without the two bits that say so. */
static struct amf3_traits take_traits(struct amf3_reader *r, uint32_t head)
{
	struct amf3_traits t = {.dynamic = head >> 1 & 1, .sealed = head >> 2};
	struct amf0_string class = take_string(r);

	if (head & 1) {
		t = (struct amf3_traits){.one_value = writes_one_value(class)};
		r->error |= !t.one_value;
	}
	t.names = r->at;
	for (uint32_t i = 0; i < t.sealed && !r->error; i++) {
		(void)take_string(r);
	}
	if (!r->error && r->traits_count < AMF3_TRAITS_MAX) {
		r->traits[r->traits_count++] = t;
	}
	return t;
}

/* Head of an object that is there itself: its traits, sent with it or before. */
static struct amf3_traits take_class(struct amf3_reader *r, uint32_t head)
{
	if (head & 1) {
		return take_traits(r, head >> 1);
	}
	if (head >> 1 < r->traits_count) {
		return r->traits[head >> 1];
	}
	r->error = true;
	return (struct amf3_traits){.sealed = 0};
}

static void skip(struct amf3_reader *r, uint32_t depth);

static void skip_values(struct amf3_reader *r, uint64_t count, uint32_t depth)
{
	/* Each takes at least its marker, so the data bounds the loop, not the count. */
	while (count-- > 0 && !r->error) {
		skip(r, depth);
	}
}

static void skip_named(struct amf3_reader *r, uint32_t depth)
{
	while (!r->error && take_string(r).len != 0) {
		skip(r, depth);
	}
}

static void skip_object(struct amf3_reader *r, uint32_t head, uint32_t depth)
{
	struct amf3_traits t = take_class(r, head);

	if (t.one_value) {
		skip(r, depth);
		return;
	}
	skip_values(r, t.sealed, depth);
	if (t.dynamic) {
		skip_named(r, depth);
	}
}

/* What is sent with a count or length in its head; `n` is that. */
static void skip_counted(struct amf3_reader *r, int marker, uint32_t n, uint32_t depth)
{
	switch (marker) {
	case AMF3_DATE:
		(void)take(r, 8);
		break;
	case AMF3_ARRAY:
		skip_named(r, depth);
		skip_values(r, n, depth);
		break;
	case AMF3_OBJECT:
		skip_object(r, n, depth);
		break;
	case AMF3_VECTOR_INT:
	case AMF3_VECTOR_UINT:
		(void)take(r, 1 + UINT64_C(4) * n);
		break;
	case AMF3_VECTOR_DOUBLE:
		(void)take(r, 1 + UINT64_C(8) * n);
		break;
	case AMF3_VECTOR_OBJECT:
		(void)take(r, 1);
		(void)take_string(r);
		skip_values(r, n, depth);
		break;
	case AMF3_DICTIONARY:
		(void)take(r, 1);
		skip_values(r, UINT64_C(2) * n, depth);
		break;
	default: /* XML of both kinds, byte array */
		(void)take(r, n);
		break;
	}
}

static void skip(struct amf3_reader *r, uint32_t depth)
{
	int marker = amf3_peek(r);
	uint32_t head;

	if (marker < 0 || marker > AMF3_DICTIONARY) {
		r->error = true;
		return;
	}
	if (depth >= r->depth_max) {
		exceed(r, RTMP_ERR(AMF_DEPTH));
		return;
	}
	switch (marker) {
	case AMF3_INTEGER:
	case AMF3_DOUBLE:
		(void)amf3_read_number(r);
		break;
	case AMF3_STRING:
		(void)amf3_read_string(r);
		break;
	case AMF3_UNDEFINED:
	case AMF3_NULL:
	case AMF3_FALSE:
	case AMF3_TRUE:
		take_marker(r);
		break;
	default:
		take_marker(r);
		if (take_head(r, &head)) {
			skip_counted(r, marker, head, depth + 1);
		}
		break;
	}
}

void amf3_skip(struct amf3_reader *r)
{
	skip(r, 0);
}

static void enter_object(struct amf3_reader *r, struct amf3_entered *e, uint32_t head)
{
	struct amf3_traits t = take_class(r, head);

	if (t.one_value) {
		e->dense = 1;
		return;
	}
	e->names = t.names;
	e->sealed = t.sealed;
	e->dynamic = t.dynamic;
}

void amf3_enter(struct amf3_reader *r)
{
	struct amf3_entered e = {.dense = 0};
	int marker = amf3_peek(r);
	uint32_t head;

	if ((marker != AMF3_OBJECT && marker != AMF3_ARRAY) || r->entered == AMF3_ENTERED_MAX) {
		r->error = true;
		return;
	}
	take_marker(r);
	if (take_head(r, &head)) {
		if (marker == AMF3_OBJECT) {
			enter_object(r, &e, head);
		} else {
			e.dynamic = true;
			e.dense = head;
		}
	}
	r->stack[r->entered++] = e;
}

/* Name of the next sealed member. It is read once more, and does not count once more. */
static struct amf0_string sealed_name(struct amf3_reader *r, struct amf3_entered *e)
{
	const uint8_t *at = r->at;
	uint32_t count = r->strings_count;
	struct amf0_string name;

	r->at = e->names;
	name = take_string(r);
	e->names = r->at;
	r->at = at;
	r->strings_count = count;
	e->sealed--;
	return name;
}

/* An object that ends with the data is complete, as in AMF0. */
static bool dynamic_name(struct amf3_reader *r, struct amf3_entered *e, struct amf0_string *name)
{
	if (r->at != r->end) {
		*name = take_string(r);
	}
	e->dynamic = !r->error && name->len != 0;
	return e->dynamic;
}

bool amf3_next_property(struct amf3_reader *r, struct amf0_string *name)
{
	struct amf3_entered *e = &r->stack[(r->entered - 1) % AMF3_ENTERED_MAX];

	*name = (struct amf0_string){.data = "", .len = 0};
	if (r->error || r->entered == 0) {
		return false;
	}
	if (e->sealed > 0) {
		*name = sealed_name(r, e);
		return !r->error;
	}
	if (e->dynamic && dynamic_name(r, e, name)) {
		return true;
	}
	if (e->dense > 0 && !r->error) {
		e->dense--;
		return true;
	}
	r->entered--;
	return false;
}
