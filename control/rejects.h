/*
 * The last publishers that were refused or ended, and why: for penstockctl rejects. One thread.
 */
#ifndef REJECTS_H
#define REJECTS_H

#include <stdint.h>

#include "abi/pub.h"
#include "rtmp/server.h"

#define REJECTS_MAX  64u
#define REJECTS_TEXT 128u

struct reject_record {
	uint64_t time_us; /* CLOCK_MONOTONIC */
	enum rtmp_reject why;
	char app[ABI_APP_MAX];   /* all of them printable */
	char name[ABI_NAME_MAX]; /* empty: what was asked for may be a key */
	char peer[ABI_PEER_MAX];
	char text[REJECTS_TEXT];
};

struct rejects {
	uint64_t count; /* ever */
	uint64_t by_reason[RTMP_REJECT_COUNT];
	struct reject_record records[REJECTS_MAX]; /* a ring: the last is (count - 1) % MAX */
};

/* "bitrate": the reason as one word. */
const char *rejects_word(enum rtmp_reject why);

/* `text` empty: that of the reason. */
void rejects_add(struct rejects *rejects, uint64_t now_us, enum rtmp_reject why,
		 const struct abi_stream *slot, const char *name, const char *text);

/* The n-th last; NULL: there is none. */
const struct reject_record *rejects_at(const struct rejects *rejects, uint32_t n);

#endif
