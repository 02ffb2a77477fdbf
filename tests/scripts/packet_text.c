/* Text: see README.md for the syntax. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

static const struct {
	char letter;
	uint8_t bit;
} flag_letters[] = {{'F', PACKET_FIN}, {'S', PACKET_SYN}, {'R', PACKET_RST}, {'P', PACKET_PSH},
		    {'U', PACKET_URG}, {'E', PACKET_ECE}, {'W', PACKET_CWR}, {'.', PACKET_ACK}};

static const char *const ecn_names[] = {"noecn", "ect1", "ect0", "ce"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* Moves behind `word` when it stands there as a word. */
static bool take_word(const char **at, const char *word)
{
	const char *here = skip_blanks(*at);
	size_t len = strlen(word);

	if (strncmp(here, word, len) != 0 || strchr(" \t,>", here[len]) == NULL) {
		return false;
	}
	*at = here + len;
	return true;
}

static bool take_number(const char **at, uint32_t *number)
{
	const char *here = skip_blanks(*at);
	char *end;

	*number = (uint32_t)strtoul(here, &end, 10);
	*at = end;
	return end != here;
}

static bool take_char(const char **at, char c)
{
	if (**at != c) {
		return false;
	}
	(*at)++;
	return true;
}

/* A number, or *. */
static bool take_stamp(const char **at, uint32_t *number, bool *any)
{
	*at = skip_blanks(*at);
	*any = take_char(at, '*');
	return *any || take_number(at, number);
}

static const char *parse_stamps(const char **at, struct packet *packet)
{
	bool any_val = false;
	bool any_ecr = false;

	packet->stamps = true;
	if (!take_word(at, "val") || !take_stamp(at, &packet->tsval, &any_val) ||
	    !take_word(at, "ecr") || !take_stamp(at, &packet->tsecr, &any_ecr)) {
		return "TS val NUMBER|* ecr NUMBER|*";
	}
	packet->given |= (any_val ? PACKET_ANY_TSVAL : 0U) | (any_ecr ? PACKET_ANY_TSECR : 0U);
	return NULL;
}

static const char *parse_sack(const char **at, struct packet *packet)
{
	while (packet->sack_count < PACKET_SACK_MAX) {
		uint32_t *block = packet->sack[packet->sack_count];

		if (!take_number(at, &block[0])) {
			break;
		}
		if (!take_char(at, ':') || !take_number(at, &block[1])) {
			return "sack FROM:TO ...";
		}
		packet->sack_count++;
	}
	return packet->sack_count > 0 ? NULL : "sack FROM:TO ...";
}

static const char *parse_option(const char **at, struct packet *packet)
{
	uint32_t number = 0;

	if (take_word(at, "mss") && take_number(at, &number)) {
		packet->mss = (uint16_t)number;
	} else if (take_word(at, "wscale") && take_number(at, &number)) {
		packet->wscale = (int8_t)number;
	} else if (take_word(at, "sackOK")) {
		packet->sack_ok = true;
	} else if (take_word(at, "TS")) {
		return parse_stamps(at, packet);
	} else if (take_word(at, "sack")) {
		return parse_sack(at, packet);
	} else {
		return "no such option";
	}
	return NULL;
}

/* <OPTION, ...> or <*>, <> for none. */
static const char *parse_options(const char **at, struct packet *packet)
{
	const char *wrong = NULL;

	packet->given |= PACKET_GIVEN_OPTIONS;
	*at = skip_blanks(*at);
	if (take_char(at, '*')) {
		packet->given |= PACKET_ANY_OPTIONS;
	}
	while (wrong == NULL && *(*at = skip_blanks(*at)) != '>') {
		wrong = parse_option(at, packet);
		*at = skip_blanks(*at);
		if (wrong == NULL && !take_char(at, ',') && **at != '>') {
			return "options are not closed by >";
		}
	}
	*at += wrong == NULL ? 1 : 0;
	return wrong;
}

static bool parse_flags(const char **at, uint8_t *flags)
{
	const char *here = skip_blanks(*at);
	size_t i;

	*flags = 0;
	if (*here == '-' && here[1] == ' ') {
		*at = here + 1;
		return true;
	}
	for (*at = here; **at != ' ' && **at != '\0'; (*at)++) {
		for (i = 0; i < COUNT(flag_letters) && flag_letters[i].letter != **at; i++) {
		}
		if (i == COUNT(flag_letters)) {
			return false;
		}
		*flags |= flag_letters[i].bit;
	}
	return *at != here;
}

/* FROM:TO(LENGTH), where TO is FROM + LENGTH: for the reader of the script. */
static bool parse_range(const char **at, struct packet *packet)
{
	uint32_t end;

	return take_number(at, &packet->seq) && take_char(at, ':') && take_number(at, &end) &&
	       take_char(at, '(') && take_number(at, &packet->len) && take_char(at, ')') &&
	       end == packet->seq + packet->len;
}

static bool parse_ecn(const char **at, struct packet *packet)
{
	for (size_t i = 0; i < COUNT(ecn_names); i++) {
		if (take_word(at, ecn_names[i])) {
			packet->ecn = (uint8_t)i;
			packet->given |= PACKET_GIVEN_ECN;
			return true;
		}
	}
	return false;
}

static const char *parse_rest(const char **at, struct packet *packet)
{
	uint32_t number;

	while (*(*at = skip_blanks(*at)) != '\0') {
		const char *wrong = NULL;

		if (take_char(at, '<')) {
			wrong = parse_options(at, packet);
		} else if (take_word(at, "win") && take_number(at, &packet->window)) {
			packet->given |= PACKET_GIVEN_WINDOW;
		} else if (take_word(at, "urg") && take_number(at, &number)) {
			packet->urgent = (uint16_t)number;
		} else if (take_word(at, "badsum")) {
			packet->given |= PACKET_BAD_CHECKSUM;
		} else if (!parse_ecn(at, packet)) {
			wrong = "expected win, urg, an ECN codepoint, badsum or options";
		}
		if (wrong != NULL) {
			return wrong;
		}
	}
	return NULL;
}

/* icmp toobig MTU RANGE, icmp noport RANGE, icmp nohost RANGE: RANGE is what it quotes. */
static const char *parse_icmp(const char **at, struct packet *packet)
{
	if (take_word(at, "toobig") && take_number(at, &packet->mtu)) {
		packet->icmp = PACKET_TOO_BIG;
	} else if (take_word(at, "noport")) {
		packet->icmp = PACKET_PORT_UNREACHABLE;
	} else if (take_word(at, "nohost")) {
		packet->icmp = PACKET_HOST_UNREACHABLE;
	} else {
		return "icmp toobig MTU, noport or nohost";
	}
	return parse_range(at, packet) && *skip_blanks(*at) == '\0' ? NULL : "FROM:TO(LENGTH)";
}

const char *packet_parse(const char *text, bool outbound, struct packet *packet)
{
	const char *wrong;

	*packet = (struct packet){.wscale = -1};
	if (take_word(&text, "icmp")) {
		return outbound ? "the stack sends no ICMP" : parse_icmp(&text, packet);
	}
	if (!parse_flags(&text, &packet->flags)) {
		return "flags are of FSRPUEW., or -";
	}
	if (!parse_range(&text, packet)) {
		return "FROM:TO(LENGTH), with TO = FROM + LENGTH";
	}
	if (packet->flags & PACKET_ACK &&
	    (!take_word(&text, "ack") || !take_number(&text, &packet->ack))) {
		return "flag . needs ack NUMBER";
	}
	wrong = parse_rest(&text, packet);
	if (wrong == NULL && !outbound && !(packet->given & PACKET_GIVEN_WINDOW)) {
		return "a packet to the stack needs win NUMBER";
	}
	return wrong;
}

/* snprintf() at the end of a string. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
							 const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() stands above */
	(void)vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

static void print_options(const struct packet *packet, char *text, size_t size)
{
	const char *comma = "";

	append(text, size, " <");
	if (packet->mss != 0) {
		append(text, size, "mss %u", packet->mss);
		comma = ", ";
	}
	if (packet->sack_ok) {
		append(text, size, "%ssackOK", comma);
		comma = ", ";
	}
	if (packet->stamps) {
		append(text, size, "%sTS val %u ecr %u", comma, packet->tsval, packet->tsecr);
		comma = ", ";
	}
	if (packet->wscale >= 0) {
		append(text, size, "%swscale %d", comma, packet->wscale);
		comma = ", ";
	}
	for (uint32_t i = 0; i < packet->sack_count; i++) {
		append(text, size, "%s%u:%u", i == 0 ? comma : " ", packet->sack[i][0],
		       packet->sack[i][1]);
	}
	append(text, size, ">");
}

void packet_print(const struct packet *packet, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < COUNT(flag_letters); i++) {
		if (packet->flags & flag_letters[i].bit) {
			append(text, size, "%c", flag_letters[i].letter);
		}
	}
	append(text, size, " %u:%u(%u)", packet->seq, packet->seq + packet->len, packet->len);
	if (packet->flags & PACKET_ACK) {
		append(text, size, " ack %u", packet->ack);
	}
	append(text, size, " win %u", packet->window);
	print_options(packet, text, size);
	if (packet->ecn != 0) {
		append(text, size, " %s", ecn_names[packet->ecn]);
	}
}

static const char *options_differ(const struct packet *expected, const struct packet *got)
{
	if (got->mss != expected->mss) {
		return "MSS";
	}
	if (got->sack_ok != expected->sack_ok) {
		return "SACK-permitted";
	}
	if (got->wscale != expected->wscale) {
		return "window scale";
	}
	if (got->stamps != expected->stamps) {
		return "timestamps";
	}
	if (got->stamps && !(expected->given & PACKET_ANY_TSVAL) && got->tsval != expected->tsval) {
		return "timestamp value";
	}
	if (got->stamps && !(expected->given & PACKET_ANY_TSECR) && got->tsecr != expected->tsecr) {
		return "timestamp echo";
	}
	return NULL;
}

const char *packet_differs(const struct packet *expected, const struct packet *got)
{
	if (got->flags != expected->flags) {
		return "flags";
	}
	if (got->seq != expected->seq) {
		return "sequence number";
	}
	if (got->len != expected->len) {
		return "length";
	}
	if (got->ack != expected->ack) {
		return "acknowledgement";
	}
	if (expected->given & PACKET_GIVEN_WINDOW && got->window != expected->window) {
		return "window";
	}
	if (expected->given & PACKET_GIVEN_ECN && got->ecn != expected->ecn) {
		return "ECN codepoint";
	}
	if (expected->given & PACKET_ANY_OPTIONS) {
		return NULL;
	}
	/* Ranges acknowledged are never left open: without options there must be none. */
	if (got->sack_count != expected->sack_count ||
	    memcmp(got->sack, expected->sack, sizeof(got->sack[0]) * got->sack_count) != 0) {
		return "SACK blocks";
	}
	return expected->given & PACKET_GIVEN_OPTIONS ? options_differ(expected, got) : NULL;
}
