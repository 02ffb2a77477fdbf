#include "escape.h"

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static bool pass_utf8;

static bool locale_is_utf8(void)
{
	wchar_t wide = 0;

	return mbtowc(&wide, "\xc3\xa9", 2) == 2 && wide == 0xe9;
}

void escape_init(void)
{
	pass_utf8 = setlocale(LC_CTYPE, "") != NULL && locale_is_utf8();
}

bool escape_set_utf8(bool utf8)
{
	pass_utf8 = utf8 && setlocale(LC_CTYPE, "C.UTF-8") != NULL && locale_is_utf8();
	return pass_utf8 == utf8;
}

/* Bytes of the valid UTF-8 sequence at `p`, or 0 (RFC 3629: shortest form, no surrogates). */
static size_t utf8_length(const unsigned char *p, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4) {
		return 0;
	}
	*code = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) { /* stops at the terminating NUL, too */
			return 0;
		}
		*code = *code << 6 | (p[i] & 0x3fu);
	}
	bool valid = *code >= least[len] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
	return valid ? len : 0;
}

/*
 * Bytes at `p` that may stand as they are, 0 if the first must be escaped. Characters without a
 * width of their own are refused: they would draw on their neighbours, or turn the line around.
 */
static size_t safe_length(const unsigned char *p)
{
	uint32_t code;

	if (p[0] < 0x80) {
		return p[0] >= ' ' && p[0] != 0x7f && p[0] != '\\' ? 1 : 0;
	}
	size_t len = pass_utf8 ? utf8_length(p, &code) : 0;
	return len > 0 && wcwidth((wchar_t)code) > 0 ? len : 0;
}

size_t escape_text(char *out, size_t size, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0;

	while (*p != '\0') {
		size_t len = safe_length(p);
		if (at + (len > 0 ? len : 4) >= size) {
			break;
		}
		if (len > 0) {
			memcpy(out + at, p, len);
			at += len;
			p += len;
		} else {
			at += (size_t)snprintf(out + at, size - at, "\\x%02x", *p);
			p++;
		}
	}
	out[at] = '\0';
	return at;
}

size_t escape_columns(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t columns = 0;

	while (*p != '\0') {
		uint32_t code = *p;
		size_t len = *p < 0x80 ? 1 : utf8_length(p, &code);
		int width = len > 1 ? wcwidth((wchar_t)code) : 1;
		columns += width > 0 ? (size_t)width : 0;
		p += len > 0 ? len : 1;
	}
	return columns;
}
