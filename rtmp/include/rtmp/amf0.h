/*
 * AMF0 (amf0-file-format-specification, sections 2.1 to 2.18), as far as commands and metadata
 * need it: a reader whose error sticks and a writer into struct rtmp_out.
 *
 * A value in AMF3 behind the avmplus marker is read like any other: it is told by the AMF0 marker
 * that comes nearest, and within an object that was entered all values are in AMF3 (rtmp/amf3.h).
 * Strings and traits that are sent as references to those of an earlier value are known as long as
 * `amf3` is set; without it each value stands for itself, and objects in AMF3 cannot be entered.
 *
 * The reader never recurses deeper than AMF0_DEPTH_MAX, never trusts a declared count (ECMA and
 * strict arrays), and takes an object that ends with the message as complete (old encoders).
 */
#ifndef RTMP_AMF0_H
#define RTMP_AMF0_H

#include "rtmp/span.h"

#define AMF0_DEPTH_MAX    16u
#define AMF0_ELEMENTS_MAX 4096u /* values, those in objects and arrays included */

enum amf0_marker {
	AMF0_NUMBER = 0,
	AMF0_BOOLEAN = 1,
	AMF0_STRING = 2,
	AMF0_OBJECT = 3,
	AMF0_NULL = 5,
	AMF0_UNDEFINED = 6,
	AMF0_REFERENCE = 7,
	AMF0_ECMA_ARRAY = 8,
	AMF0_OBJECT_END = 9,
	AMF0_STRICT_ARRAY = 10,
	AMF0_DATE = 11,
	AMF0_LONG_STRING = 12,
	AMF0_UNSUPPORTED = 13,
	AMF0_XML = 15,
	AMF0_TYPED_OBJECT = 16,
	AMF0_AVMPLUS = 17, /* amf0_peek() gives it only for what is no AMF3 either */
};

struct amf0_string {
	const char *data; /* not terminated, any bytes */
	uint32_t len;
};

struct amf3_reader;

struct amf0_reader {
	struct amf3_reader *amf3; /* the caller's, initialised on the same data; NULL: none */
	const uint8_t *at;
	const uint8_t *end;
	bool error; /* sticks: every read after it returns zero values */
	uint16_t depth_max;
	uint16_t elements_left;
	int8_t limit; /* error that is a limit exceeded, an RTMP_ERR(); else 0 */
};

void amf0_reader_init(struct amf0_reader *r, const void *data, size_t len);

/* Narrows what may follow from here on; 0 leaves a limit as it is. */
void amf0_reader_limit(struct amf0_reader *r, uint32_t depth_max, uint32_t elements_max);

/* 0, or RTMP_ERR() of AMF, AMF_DEPTH, AMF_ELEMENTS. */
int amf0_error(const struct amf0_reader *r);

/* Marker of the next value, or -1 at the end or after an error. Consumes nothing. */
int amf0_peek(const struct amf0_reader *r);

/* Reads a value of the named type; another type is an error. */
double amf0_read_number(struct amf0_reader *r);
bool amf0_read_boolean(struct amf0_reader *r);
struct amf0_string amf0_read_string(struct amf0_reader *r); /* short or long */

/* Steps over one value of any type. */
void amf0_skip(struct amf0_reader *r);

/*
 * Objects and ECMA arrays: amf0_enter() reads the marker (and the count, which is ignored), then
 * each amf0_next_property() gives a name; the value must be read or skipped before the next.
 * amf0_next_property() returns false at the end of the object or of the data.
 */
void amf0_enter(struct amf0_reader *r);
bool amf0_next_property(struct amf0_reader *r, struct amf0_string *name);

/*
 * Strict arrays: reads the marker and the count that is declared; so many values follow, or the
 * error sticks: check it with each, for the count is the sender's.
 */
uint32_t amf0_enter_array(struct amf0_reader *r);

bool amf0_string_equals(struct amf0_string s, const char *text);

void amf0_write_number(struct rtmp_out *out, double value);
void amf0_write_boolean(struct rtmp_out *out, bool value);
void amf0_write_string(struct rtmp_out *out, const char *text);
void amf0_write_null(struct rtmp_out *out);
void amf0_write_object_begin(struct rtmp_out *out);
void amf0_write_name(struct rtmp_out *out, const char *name); /* before each value of an object */
void amf0_write_object_end(struct rtmp_out *out);

#endif
