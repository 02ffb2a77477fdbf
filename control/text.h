/*
 * Text that came from the network: checked and made printable before a log, a terminal or a JSON
 * document sees it.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the UTF-8 character at `s` (RFC 3629), 0 if it is none; `s` ends with a NUL. */
size_t text_utf8_length(const char *s);

/* Copies `in`, cut to fit and always terminated. */
void text_copy(char *out, size_t out_size, const char *in);

/*
 * Copies a field of `size` bytes that another process may be writing: what is checked afterwards is
 * the copy. False when there is no NUL in it.
 */
bool text_take(char *out, const char *in, size_t size) __attribute__((warn_unused_result));

/*
 * Copies `in` (at most in_max bytes, or up to its NUL) to `out`, always terminated and cut to fit.
 * Control characters and bytes that are no UTF-8 become '?'. Another process may be writing `in`:
 * each character is looked at in a copy.
 */
void text_printable(char *out, size_t out_size, const char *in, size_t in_max);

/*
 * Replaces by "***", in place, what repeats a name whose parts may be secret: the whole of it, or
 * what stands between its '?', '&', '=' and '/', from TEXT_SECRET_MIN bytes on. A part that the end
 * of the text cuts is replaced as well.
 */
#define TEXT_SECRET_MIN 4u
void text_mask(char *text, const char *name);

/*
 * Replaces by "***", in place, what stands behind the first '/': of an application that is not
 * known it may be the key, where an encoder has a single field for all.
 */
void text_mask_path(char *text);

/*
 * A public stream name: 1 to 255 bytes of UTF-8 without control characters, not beginning with
 * '/', and with no "." or ".." between slashes (names end up in paths and URLs).
 */
#define TEXT_NAME_MAX 255u
bool text_name_valid(const char *name);

/* Decodes %XX in place; a '%' that is not followed by two digits stays, as does %00. */
void text_percent_decode(char *s);

#endif
