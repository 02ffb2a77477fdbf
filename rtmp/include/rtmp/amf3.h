/*
 * AMF3 (amf-file-format-spec, sections 3.1 to 3.15): a reader whose error sticks, in the manner of
 * rtmp/amf0.h. Within RTMP it stands behind the avmplus marker of an AMF0 value, for that value
 * only; rtmp/amf0.h reads such values by itself.
 *
 * Strings and traits may be sent as references to those before: the reader keeps where they lie, up
 * to AMF3_STRINGS_MAX and AMF3_TRAITS_MAX of them. What is beyond cannot be referred to: such a
 * reference is an error, like one to what was not sent. Objects that are sent as references are
 * told but not followed: they have no properties.
 *
 * Nothing is allocated, no declared count is trusted, nesting and elements are bounded. Time is
 * linear in the bytes: each element of whatever is counted takes at least one of them.
 * Externalizable objects have a form of their own, which only their class knows: those of Flex that
 * hold one value are read, others are an error.
 */
#ifndef RTMP_AMF3_H
#define RTMP_AMF3_H

#include "rtmp/amf0.h"

#define AMF3_STRINGS_MAX 64u
#define AMF3_TRAITS_MAX  16u
#define AMF3_ENTERED_MAX 4u /* objects that are entered at a time */

enum amf3_marker {
	AMF3_UNDEFINED = 0,
	AMF3_NULL = 1,
	AMF3_FALSE = 2,
	AMF3_TRUE = 3,
	AMF3_INTEGER = 4,
	AMF3_DOUBLE = 5,
	AMF3_STRING = 6,
	AMF3_XML_DOCUMENT = 7,
	AMF3_DATE = 8,
	AMF3_ARRAY = 9,
	AMF3_OBJECT = 10,
	AMF3_XML = 11,
	AMF3_BYTE_ARRAY = 12,
	AMF3_VECTOR_INT = 13,
	AMF3_VECTOR_UINT = 14,
	AMF3_VECTOR_DOUBLE = 15,
	AMF3_VECTOR_OBJECT = 16,
	AMF3_DICTIONARY = 17,
};

/* The class of an object: names of its sealed members, and whether others may follow. */
struct amf3_traits {
	const uint8_t *names; /* as sent: strings and references to strings */
	uint32_t sealed;      /* members */
	bool dynamic;
	bool one_value; /* externalizable, of a class that writes one value */
};

/* An object or array that is being gone through. */
struct amf3_entered {
	const uint8_t *names; /* of the sealed members to come */
	uint32_t sealed;
	uint32_t dense; /* elements of an array without a name */
	bool dynamic;   /* name and value pairs follow, up to an empty name */
};

struct amf3_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool error; /* sticks: every read after it returns zero values */
	uint16_t depth_max;
	uint16_t elements_left;
	int8_t limit;     /* error that is a limit exceeded, an RTMP_ERR(); else 0 */
	uint32_t entered; /* how many of `stack` */
	uint32_t strings_count;
	uint32_t traits_count;
	uint32_t objects; /* that were sent and may be referred to */
	struct amf3_entered stack[AMF3_ENTERED_MAX];
	struct amf3_traits traits[AMF3_TRAITS_MAX];
	struct amf0_string strings[AMF3_STRINGS_MAX];
};

/* Only the fields above `stack` are written: it costs next to nothing. */
void amf3_reader_init(struct amf3_reader *r, const void *data, size_t len);

/* Marker of the next value, or -1 at the end or after an error. Consumes nothing. */
int amf3_peek(const struct amf3_reader *r);

/* Reads a value of the named type; another type is an error. */
double amf3_read_number(struct amf3_reader *r); /* integer or double */
bool amf3_read_boolean(struct amf3_reader *r);
struct amf0_string amf3_read_string(struct amf3_reader *r);

/* Steps over one value of any type. */
void amf3_skip(struct amf3_reader *r);

/*
 * Objects and arrays: as amf0_enter() and amf0_next_property(); the elements of an array that have
 * no name follow with an empty one. At most AMF3_ENTERED_MAX may be entered at a time.
 */
void amf3_enter(struct amf3_reader *r);
bool amf3_next_property(struct amf3_reader *r, struct amf0_string *name);

#endif
