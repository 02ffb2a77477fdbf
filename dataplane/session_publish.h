/*
 * Publications of a session: asked for, decided, ended, each on its own.
 */
#ifndef DP_SESSION_PUBLISH_H
#define DP_SESSION_PUBLISH_H

#include "dataplane/publish.h"
#include "dataplane/session.h"

/* The publication that comes on a message stream, or NULL. */
static inline struct publication *session_publication(const struct session *s, uint32_t stream_id)
{
	struct publication *p = LIST_FIRST(&s->publications);

	while (p && p->stream_id != stream_id) {
		p = LIST_NEXT(p, sibling);
	}
	return p;
}

/* Asks control for it; one that cannot even be asked for is refused. */
void session_publish(struct session *s, const struct rtmp_server_event *event);

/* The encoder ended it. */
void session_unpublish(struct session *s, struct publication *p);

/* Ends all of them, without a word. */
void session_unpublish_all(struct session *s);

/* Ends one whose media ceased, or never came; at most one at each call. */
void session_expire_live(struct session *s);

/* Refuses those that control did not decide in time, as long as there is budget left. */
void session_expire_undecided(struct session_table *table, uint32_t *budget);

#endif
