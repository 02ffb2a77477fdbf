#include "text.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define UTF8_MAX 4u /* bytes of a character */

void text_copy(char *out, size_t out_size, const char *in)
{
	size_t length = strnlen(in, out_size - 1);

	memcpy(out, in, length);
	out[length] = '\0';
}

bool text_take(char *out, const char *in, size_t size)
{
	memcpy(out, in, size);
	/* The compiler may not look at `in` again for what it has here. */
	atomic_signal_fence(memory_order_seq_cst);
	return memchr(out, '\0', size) != NULL;
}

static bool continuation(char c)
{
	return ((uint8_t)c & 0xc0) == 0x80;
}

/* Two-byte forms from C2 on; E0, ED, F0 and F4 narrow their second byte (RFC 3629 section 4). */
static bool second_byte_allowed(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

size_t text_utf8_length(const char *s)
{
	uint8_t first = (uint8_t)s[0];
	size_t length;

	if (first < 0x80) {
		return first != 0;
	}
	if (first < 0xc2 || first > 0xf4) {
		return 0;
	}
	length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < length; i++) {
		if (!continuation(s[i])) {
			return 0;
		}
	}
	return second_byte_allowed(first, (uint8_t)s[1]) ? length : 0;
}

/* C0 controls and DEL; the C1 controls are two bytes, C2 80 to C2 9F. */
static bool control_character(const char *s)
{
	uint8_t c = (uint8_t)s[0];

	return c < 0x20 || c == 0x7f || (c == 0xc2 && (uint8_t)s[1] < 0xa0);
}

void text_printable(char *out, size_t out_size, const char *in, size_t in_max)
{
	size_t in_len = strnlen(in, in_max);
	size_t at = 0;

	for (size_t i = 0; i < in_len;) {
		char c[UTF8_MAX + 1] = "";
		size_t left = in_len - i < UTF8_MAX ? in_len - i : UTF8_MAX;
		size_t length;

		(void)!text_take(c, in + i, left);
		length = text_utf8_length(c);
		if (length == 0 && (uint8_t)c[0] < 0x80) {
			length = 1;
		}
		if (at + (length ? length : 1) >= out_size) {
			break;
		}
		if (length == 0 || control_character(c)) {
			out[at++] = '?';
			i += length ? length : 1;
			continue;
		}
		memcpy(out + at, c, length);
		at += length;
		i += length;
	}
	if (out_size > 0) {
		out[at] = '\0';
	}
}

/* Bytes at `s` that are `part`, or its beginning where `s` ends within it; 0: neither. */
static size_t repeated(const char *s, const char *part, size_t length)
{
	size_t n = strnlen(s, length);

	return n >= TEXT_SECRET_MIN && memcmp(s, part, n) == 0 ? n : 0;
}

/* It becomes no longer: what is replaced is longer than what stands there then. */
static void mask_part(char *text, const char *part, size_t length)
{
	static const char mask[] = "***";
	char *out = text;

	static_assert(sizeof(mask) - 1 <= TEXT_SECRET_MIN, "masked in place");
	while (*text) {
		size_t n = repeated(text, part, length);

		if (n == 0) {
			*out++ = *text++;
			continue;
		}
		memcpy(out, mask, sizeof(mask) - 1);
		out += sizeof(mask) - 1;
		text += n;
	}
	*out = '\0';
}

void text_mask(char *text, const char *name)
{
	static const char separators[] = "?&=/";

	mask_part(text, name, strlen(name));
	while (*name) {
		size_t length = strcspn(name, separators);

		mask_part(text, name, length);
		name += length;
		name += strspn(name, separators);
	}
}

static bool characters_valid(const char *s)
{
	while (*s) {
		size_t length = text_utf8_length(s);

		if (length == 0 || control_character(s)) {
			return false;
		}
		s += length;
	}
	return true;
}

static bool components_valid(const char *s)
{
	for (;;) {
		size_t length = strcspn(s, "/");

		if ((length == 1 && s[0] == '.') || (length == 2 && s[0] == '.' && s[1] == '.')) {
			return false;
		}
		if (s[length] == '\0') {
			return true;
		}
		s += length + 1;
	}
}

bool text_name_valid(const char *name)
{
	size_t length = strnlen(name, TEXT_NAME_MAX + 1);

	if (length == 0 || length > TEXT_NAME_MAX || name[0] == '/') {
		return false;
	}
	return characters_valid(name) && components_valid(name);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void text_percent_decode(char *s)
{
	char *out = s;

	while (*s) {
		int high = s[0] == '%' ? hex_digit(s[1]) : -1;
		int low = high >= 0 ? hex_digit(s[2]) : -1;

		if (low < 0 || high * 16 + low == 0) {
			*out++ = *s++;
			continue;
		}
		*out++ = (char)(high * 16 + low);
		s += 3;
	}
	*out = '\0';
}

void text_mask_path(char *text)
{
	static const char mask[] = "***";
	char *slash = strchr(text, '/');

	if (slash && slash[1] != '\0') {
		size_t room = strlen(slash + 1);

		memcpy(slash + 1, mask, room < 3 ? room : 3);
		slash[1 + (room < 3 ? room : 3)] = '\0';
	}
}
