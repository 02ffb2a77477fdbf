#include "rejects.h"

#include <assert.h>
#include <string.h>

#include "text.h"

const char *rejects_word(enum rtmp_reject why)
{
	static const char *const words[RTMP_REJECT_COUNT] = {
		[RTMP_REJECT_AUTH] = "auth",
		[RTMP_REJECT_APP] = "app",
		[RTMP_REJECT_BUSY] = "busy",
		[RTMP_REJECT_NAME] = "name",
		[RTMP_REJECT_CAPACITY] = "capacity",
		[RTMP_REJECT_TIMEOUT] = "timeout",
		[RTMP_REJECT_KICKED] = "kicked",
		[RTMP_REJECT_SHUTDOWN] = "shutdown",
		[RTMP_REJECT_IDLE] = "idle",
		[RTMP_REJECT_NO_MEDIA] = "no_media",
		[RTMP_REJECT_CODEC] = "codec",
		[RTMP_REJECT_BITRATE] = "bitrate",
		[RTMP_REJECT_RESOLUTION] = "resolution",
		[RTMP_REJECT_FRAME_RATE] = "frame_rate",
		[RTMP_REJECT_KEYFRAMES] = "keyframes",
		[RTMP_REJECT_PROTOCOL] = "protocol",
		[RTMP_REJECT_DRAINING] = "draining",
	};

	assert(why < RTMP_REJECT_COUNT);
	return words[why] ? words[why] : "other";
}

void rejects_add(struct rejects *rejects, uint64_t now_us, enum rtmp_reject why,
		 const struct abi_stream *slot, const char *name, const char *text)
{
	struct reject_record *r = &rejects->records[rejects->count++ % REJECTS_MAX];

	if (text[0] == '\0') {
		text = rtmp_reject_text(why);
	}
	rejects->by_reason[why]++;
	r->time_us = now_us;
	r->why = why;
	text_printable(r->app, sizeof(r->app), slot->app, sizeof(slot->app));
	if (why == RTMP_REJECT_APP) {
		text_mask_path(r->app);
	}
	text_printable(r->name, sizeof(r->name), name, ABI_NAME_MAX);
	text_printable(r->peer, sizeof(r->peer), slot->peer, sizeof(slot->peer));
	text_printable(r->text, sizeof(r->text), text, REJECTS_TEXT);
}

const struct reject_record *rejects_at(const struct rejects *rejects, uint32_t n)
{
	if (n >= rejects->count || n >= REJECTS_MAX) {
		return NULL;
	}
	return &rejects->records[(rejects->count - 1 - n) % REJECTS_MAX];
}
