#include "scoreboard.h"

#include <string.h>

#include "seq.h"

static void remove_ranges(struct tcp_scoreboard *board, uint32_t first, uint32_t end)
{
	memmove(&board->range[first], &board->range[end],
		(board->count - end) * sizeof(board->range[0]));
	board->count -= end - first;
}

static void insert_range(struct tcp_scoreboard *board, uint32_t index, uint32_t start, uint32_t end)
{
	memmove(&board->range[index + 1], &board->range[index],
		(board->count - index) * sizeof(board->range[0]));
	board->range[index] = (struct tcp_sack_block){start, end};
	board->count++;
}

bool scoreboard_add(struct tcp_scoreboard *board, uint32_t start, uint32_t end)
{
	uint32_t first = 0;
	uint32_t last;
	uint32_t covered = 0;

	while (first < board->count && seq_lt(board->range[first].end, start)) {
		first++;
	}
	if (first < board->count && seq_le(board->range[first].start, start) &&
	    seq_ge(board->range[first].end, end)) {
		return false;
	}
	for (last = first; last < board->count && seq_le(board->range[last].start, end); last++) {
		start = seq_min(start, board->range[last].start);
		end = seq_max(end, board->range[last].end);
		covered += board->range[last].end - board->range[last].start;
	}
	if (first == last && board->count == SCOREBOARD_RANGES_MAX) {
		return false;
	}
	remove_ranges(board, first, last);
	insert_range(board, first, start, end);
	board->bytes += end - start - covered;
	return true;
}

void scoreboard_ack(struct tcp_scoreboard *board, uint32_t snd_una)
{
	while (board->count > 0 && seq_le(board->range[0].end, snd_una)) {
		board->bytes -= board->range[0].end - board->range[0].start;
		remove_ranges(board, 0, 1);
	}
	if (board->count > 0 && seq_lt(board->range[0].start, snd_una)) {
		board->bytes -= snd_una - board->range[0].start;
		board->range[0].start = snd_una;
	}
}

void scoreboard_clear(struct tcp_scoreboard *board)
{
	board->count = 0;
	board->bytes = 0;
}

/* IsLost of the hole in front of range `index`: `above` bytes are reported beyond it. */
static bool hole_lost(const struct tcp_scoreboard *board, uint32_t index, uint32_t above,
		      uint32_t mss)
{
	return board->count - index >= DUP_THRESH || above > (DUP_THRESH - 1) * mss;
}

bool scoreboard_first_lost(const struct tcp_scoreboard *board, uint32_t mss)
{
	return board->count > 0 && hole_lost(board, 0, board->bytes, mss);
}

uint32_t scoreboard_pipe(const struct tcp_scoreboard *board, uint32_t snd_una, uint32_t snd_nxt,
			 uint32_t mss)
{
	uint32_t pipe = seq_span(snd_una, snd_nxt);
	uint32_t hole = snd_una;
	uint32_t above = board->bytes;

	/* After a timeout snd_nxt is in the middle: what lies beyond it was not subtracted yet. */
	for (uint32_t i = 0; i < board->count && seq_lt(hole, snd_nxt); i++) {
		const struct tcp_sack_block *range = &board->range[i];
		uint32_t gone = seq_span(range->start, seq_min(range->end, snd_nxt));

		if (hole_lost(board, i, above, mss)) {
			gone += seq_span(seq_max(hole, board->high_rxt),
					 seq_min(range->start, snd_nxt));
		}
		pipe -= gone < pipe ? gone : pipe;
		above -= range->end - range->start;
		hole = range->end;
	}
	return pipe;
}

bool scoreboard_next_hole(const struct tcp_scoreboard *board, uint32_t snd_una, uint32_t mss,
			  struct tcp_sack_block *hole)
{
	uint32_t start = snd_una;
	uint32_t above = board->bytes;

	for (uint32_t i = 0; i < board->count && hole_lost(board, i, above, mss); i++) {
		uint32_t from = seq_max(start, board->high_rxt);

		if (seq_lt(from, board->range[i].start)) {
			*hole = (struct tcp_sack_block){from, board->range[i].start};
			return true;
		}
		above -= board->range[i].end - board->range[i].start;
		start = board->range[i].end;
	}
	return false;
}

uint32_t scoreboard_skip(const struct tcp_scoreboard *board, uint32_t seq)
{
	for (uint32_t i = 0; i < board->count; i++) {
		if (seq_le(board->range[i].start, seq) && seq_gt(board->range[i].end, seq)) {
			return board->range[i].end;
		}
	}
	return seq;
}

uint32_t scoreboard_limit(const struct tcp_scoreboard *board, uint32_t seq, uint32_t limit)
{
	for (uint32_t i = 0; i < board->count; i++) {
		if (seq_gt(board->range[i].start, seq)) {
			return seq_min(board->range[i].start, limit);
		}
	}
	return limit;
}
