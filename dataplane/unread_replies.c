#include "dataplane/unread_replies.h"

uint32_t unread_replies_add(struct unread_replies *u, uint32_t bytes, uint32_t queued)
{
	u->given += bytes;
	u->behind += bytes;
	/* given - queued: all that is acknowledged. */
	if (u->given >= u->mark + queued) {
		u->below = u->behind;
		u->behind = 0;
		u->mark = u->given;
	}
	uint64_t replies = (uint64_t)u->below + u->behind;
	return replies < queued ? (uint32_t)replies : queued;
}
