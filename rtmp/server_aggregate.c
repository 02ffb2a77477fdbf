#include "server_private.h"

/* Where the pointer to the aggregate in a slot is kept, or the end of the list. */
static struct rtmp_aggregate **find(struct rtmp_server *s, uint32_t slot)
{
	struct rtmp_aggregate **at = &s->aggregates;

	while (*at != NULL && (*at)->slot != slot) {
		at = &(*at)->next;
	}
	return at;
}

static uint32_t count(const struct rtmp_server *s)
{
	uint32_t n = 0;

	for (const struct rtmp_aggregate *a = s->aggregates; a != NULL; a = a->next) {
		n++;
	}
	return n;
}

/* As many at a time as there may be publishes: NULL when there is none to be had. */
static struct rtmp_aggregate *get(struct rtmp_server *s)
{
	struct rtmp_aggregate_pool *pool = s->config->aggregates;
	struct rtmp_aggregate *a = pool != NULL ? pool->free : NULL;

	if (a == NULL || count(s) == RTMP_SERVER_STREAMS) {
		return NULL;
	}
	pool->free = a->next;
	a->next = s->aggregates;
	s->aggregates = a;
	return a;
}

void server_drop_aggregate(struct rtmp_server *s, uint32_t slot)
{
	struct rtmp_aggregate **at = find(s, slot);
	struct rtmp_aggregate *a = *at;

	if (a == NULL) {
		return;
	}
	if (s->splitting == a) {
		s->splitting = NULL;
	}
	*at = a->next;
	a->next = s->config->aggregates->free;
	s->config->aggregates->free = a;
}

/* An aggregate that begins: it is taken apart when it is somebody's and there is room for it. */
static struct rtmp_aggregate *begin(struct rtmp_server *s, const struct rtmp_piece *piece,
				    struct rtmp_server_event *event)
{
	struct rtmp_aggregate *a;

	if (server_owner(s, piece) == 0) {
		server_set_aside(s, piece, RTMP_NOTE_UNOWNED_MEDIA, event);
		return NULL;
	}
	server_note(s, RTMP_NOTE_AGGREGATE);
	a = get(s);
	if (a == NULL) {
		s->slot_stream[piece->slot] = 0;
		server_set_aside(s, piece, RTMP_NOTE_AGGREGATE_REFUSED, event);
		return NULL;
	}
	rtmp_aggregate_begin(a, piece);
	return a;
}

int server_take_aggregate(struct rtmp_server *s, const struct rtmp_piece *piece,
			  struct rtmp_server_event *event)
{
	struct rtmp_aggregate *a = piece->first ? begin(s, piece, event) : *find(s, piece->slot);

	if (a == NULL) {
		return 0;
	}
	rtmp_aggregate_feed(a, piece);
	s->splitting = a;
	return server_split(s, event);
}

static void used_up(struct rtmp_server *s, const struct rtmp_aggregate *a)
{
	s->splitting = NULL;
	if (a->rest.last) {
		s->slot_stream[a->slot] = 0;
		server_drop_aggregate(s, a->slot);
	}
}

int server_split(struct rtmp_server *s, struct rtmp_server_event *event)
{
	struct rtmp_aggregate *a = s->splitting;

	for (;;) {
		int rc = rtmp_aggregate_next(a, &event->piece);

		switch (rc) {
		case RTMP_AGGREGATE_PIECE:
			s->messages += event->piece.first;
			event->type = RTMP_SERVER_MEDIA;
			event->stream_id = s->streams[s->slot_stream[a->slot] - 1].id;
			event->slot = a->slot;
			return 0;
		case RTMP_AGGREGATE_SKIPPED:
			s->messages++;
			s->controls++;
			server_note(s, RTMP_NOTE_AGGREGATE_SKIPPED);
			break;
		case RTMP_AGGREGATE_MISMATCH:
			server_note(s, RTMP_NOTE_AGGREGATE_POINTER);
			break;
		case RTMP_AGGREGATE_MORE:
			used_up(s, a);
			return 0;
		default:
			return rc;
		}
	}
}
