/*
 * AMF3 reader: every value skipped, every object entered, and both agree on where values end.
 */
#include "rtmp/amf3.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void skip_all(const uint8_t *data, size_t size)
{
	struct amf3_reader r;

	amf3_reader_init(&r, data, size);
	while (amf3_peek(&r) >= 0) {
		const uint8_t *before = r.at;

		amf3_skip(&r);
		check(r.error || (r.at > before && r.at <= r.end));
	}
}

static uint64_t sum_string(struct amf0_string s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s.len; i++) {
		sum += (uint8_t)s.data[i];
	}
	return sum;
}

static uint64_t read_value(struct amf3_reader *r)
{
	switch (amf3_peek(r)) {
	case AMF3_STRING:
		return sum_string(amf3_read_string(r));
	case AMF3_INTEGER:
	case AMF3_DOUBLE:
		return amf3_read_number(r) == 0;
	case AMF3_FALSE:
	case AMF3_TRUE:
		return amf3_read_boolean(r);
	case AMF3_OBJECT:
	case AMF3_ARRAY:
		if (r->entered < AMF3_ENTERED_MAX) {
			amf3_enter(r);
			return 1;
		}
		break;
	default:
		break;
	}
	amf3_skip(r);
	return 0;
}

/* Goes into all that can be entered, as deep as that goes. Returns where it ended. */
static void enter_all(const uint8_t *data, size_t size)
{
	struct amf0_string name;
	struct amf3_reader r;
	uint64_t sum = 0;

	amf3_reader_init(&r, data, size);
	while (amf3_peek(&r) >= 0) {
		const uint8_t *before = r.at;

		sum += read_value(&r);
		while (r.entered > 0) {
			if (amf3_next_property(&r, &name)) {
				sum += sum_string(name) + read_value(&r);
			}
			check(r.at >= before && r.at <= r.end);
			if (r.error) {
				return;
			}
		}
		check(r.error || r.at > before);
	}
	check(sum != UINT64_MAX); /* cannot be; keeps the sum */
}

/* A value that was entered ends where it ends when it is skipped. */
static void compare(const uint8_t *data, size_t size)
{
	struct amf0_string name;
	struct amf3_reader skipped, entered;
	int marker;

	amf3_reader_init(&skipped, data, size);
	amf3_reader_init(&entered, data, size);
	marker = amf3_peek(&entered);
	if (marker != AMF3_OBJECT && marker != AMF3_ARRAY) {
		return;
	}
	amf3_skip(&skipped);
	amf3_enter(&entered);
	while (entered.entered > 0 && !entered.error) {
		if (amf3_next_property(&entered, &name)) {
			amf3_skip(&entered);
		}
	}
	if (!skipped.error && !entered.error) {
		check(skipped.at == entered.at);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	skip_all(data, size);
	enter_all(data, size);
	compare(data, size);
	return 0;
}
