#include "dataplane/player_unacked.h"

static struct player_unacked_note *note_at(struct player_unacked *u, uint32_t number)
{
	return &u->notes[number % PLAYER_UNACKED_NOTES];
}

void player_unacked_add(struct player_unacked *u, uint64_t begin, uint32_t bytes, uint32_t mbufs)
{
	if (u->head - u->tail == PLAYER_UNACKED_NOTES) {
		struct player_unacked_note *last = note_at(u, u->head - 1);

		last->end = begin + bytes;
		last->mbufs += mbufs;
		return;
	}
	*note_at(u, u->head++) =
		(struct player_unacked_note){.begin = begin, .end = begin + bytes, .mbufs = mbufs};
}

/* Of a note that is acknowledged in part. */
static uint32_t take_part(struct player_unacked_note *note, uint64_t position)
{
	uint64_t bytes = note->end - note->begin;
	uint32_t mbufs = (uint32_t)(note->mbufs * (position - note->begin) / bytes);

	if (mbufs > 0) {
		note->mbufs -= mbufs;
		note->begin = position;
	}
	return mbufs;
}

uint32_t player_unacked_take(struct player_unacked *u, uint64_t position)
{
	uint32_t mbufs = 0;

	while (u->tail != u->head && note_at(u, u->tail)->end <= position) {
		mbufs += note_at(u, u->tail++)->mbufs;
	}
	if (u->tail != u->head && note_at(u, u->tail)->begin < position) {
		mbufs += take_part(note_at(u, u->tail), position);
	}
	return mbufs;
}
