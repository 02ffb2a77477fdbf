#include "scoreboard.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "seq.h"

#define NONE          TRANSMISSION_NONE

/*
 * Reports split records while there are fewer than these, and one more for so many bytes in flight.
 * Peers lose segments, not bytes; one that reports every second byte would use up the records of
 * all others, and have thousands walked through for each of its acknowledgements.
 */
#define SPLIT_RECORDS 128U
#define SPLIT_BYTES   128U

void transmission_pool_init(struct transmission_pool *pool, struct tcp_transmission *records,
			    uint32_t count)
{
	pool->record = records;
	pool->free = NONE;
	pool->free_count = count;
	for (uint32_t i = count; i-- > 0;) {
		records[i].link[ORDER_SEQUENCE].next = pool->free;
		pool->free = i;
	}
}

static uint32_t index_of(const struct tcp_scoreboard *board, const struct tcp_transmission *record)
{
	return (uint32_t)(record - board->pool->record);
}

static uint32_t span(const struct tcp_transmission *record)
{
	return record->end - record->start;
}

static struct transmission_link *link_of(struct tcp_scoreboard *board, uint32_t index,
					 enum transmission_order order)
{
	return &board->pool->record[index].link[order];
}

/* Behind `after`; NONE: as the first. */
static void insert(struct tcp_scoreboard *board, struct transmission_list *list,
		   enum transmission_order order, uint32_t index, uint32_t after)
{
	uint32_t before = after == NONE ? list->first : link_of(board, after, order)->next;

	*link_of(board, index, order) = (struct transmission_link){before, after};
	if (after == NONE) {
		list->first = index;
	} else {
		link_of(board, after, order)->next = index;
	}
	if (before == NONE) {
		list->last = index;
	} else {
		link_of(board, before, order)->prev = index;
	}
}

static void take_out(struct tcp_scoreboard *board, struct transmission_list *list,
		     enum transmission_order order, uint32_t index)
{
	struct transmission_link link = *link_of(board, index, order);

	if (link.prev == NONE) {
		list->first = link.next;
	} else {
		link_of(board, link.prev, order)->next = link.next;
	}
	if (link.next == NONE) {
		list->last = link.prev;
	} else {
		link_of(board, link.next, order)->prev = link.prev;
	}
}

/* The bytes of `record` count as `sign` times their state. */
static void count(struct tcp_scoreboard *board, const struct tcp_transmission *record, bool add)
{
	uint32_t bytes = add ? span(record) : 0U - span(record);

	switch (record->state) {
	case TRANSMISSION_IN_FLIGHT:
		board->in_flight_bytes += bytes;
		board->resent_bytes += record->ambiguous ? bytes : 0;
		break;
	case TRANSMISSION_LOST:
		board->lost_bytes += bytes;
		break;
	default:
		board->sacked_bytes += bytes;
		break;
	}
}

static bool older(uint32_t a_us, uint32_t b_us)
{
	return seq_lt(a_us, b_us); /* also a clock that wraps */
}

/* Most often the newest: searched from the end. */
static uint32_t place_in_flight(struct tcp_scoreboard *board, const struct tcp_transmission *record)
{
	uint32_t after = board->in_flight.last;

	while (after != NONE && older(record->sent_us, board->pool->record[after].sent_us)) {
		after = link_of(board, after, ORDER_STATE)->prev;
	}
	return after;
}

/* Losses are found from below: the end or, what is lost again, the beginning. */
static uint32_t place_lost(struct tcp_scoreboard *board, const struct tcp_transmission *record)
{
	uint32_t after = board->lost.last;

	if (after != NONE && seq_lt(record->start, board->pool->record[board->lost.first].start)) {
		return NONE;
	}
	while (after != NONE && seq_lt(record->start, board->pool->record[after].start)) {
		after = link_of(board, after, ORDER_STATE)->prev;
	}
	return after;
}

static struct transmission_list *list_of(struct tcp_scoreboard *board, uint8_t state)
{
	return state == TRANSMISSION_LOST ? &board->lost : &board->in_flight;
}

static void leave_state(struct tcp_scoreboard *board, struct tcp_transmission *record)
{
	count(board, record, false);
	if (record->state != TRANSMISSION_SACKED) {
		take_out(board, list_of(board, record->state), ORDER_STATE,
			 index_of(board, record));
	}
}

static void enter_state(struct tcp_scoreboard *board, struct tcp_transmission *record,
			enum transmission_state state)
{
	uint32_t after;

	record->state = (uint8_t)state;
	count(board, record, true);
	if (state == TRANSMISSION_SACKED) {
		return;
	}
	after = state == TRANSMISSION_LOST ? place_lost(board, record)
					   : place_in_flight(board, record);
	insert(board, list_of(board, record->state), ORDER_STATE, index_of(board, record), after);
}

static uint32_t take_free(struct transmission_pool *pool)
{
	uint32_t index = pool->free;

	if (index != NONE) {
		pool->free = pool->record[index].link[ORDER_SEQUENCE].next;
		pool->free_count--;
	}
	return index;
}

/* Out of the order of sequence and back to the pool; it has left its state. */
static void release(struct tcp_scoreboard *board, struct tcp_transmission *record)
{
	uint32_t index = index_of(board, record);

	if (board->hint == index) {
		board->hint = record->link[ORDER_SEQUENCE].prev;
	}
	take_out(board, &board->all, ORDER_SEQUENCE, index);
	record->link[ORDER_SEQUENCE].next = board->pool->free;
	board->pool->free = index;
	board->pool->free_count++;
	board->records--;
}

void scoreboard_init(struct tcp_scoreboard *board, struct transmission_pool *pool)
{
	const struct transmission_list empty = {NONE, NONE};

	*board = (struct tcp_scoreboard){
		.pool = pool, .all = empty, .in_flight = empty, .lost = empty, .hint = NONE};
}

void scoreboard_clear(struct tcp_scoreboard *board)
{
	while (board->all.first != NONE) {
		release(board, scoreboard_first(board));
	}
	scoreboard_init(board, board->pool);
}

/* Without records the newest takes the new data in, if it is still on its way. */
static int grow_last(struct tcp_scoreboard *board, uint32_t end, uint32_t now_us)
{
	struct tcp_transmission *last = scoreboard_last(board);

	if (last == NULL || last->state != TRANSMISSION_IN_FLIGHT) {
		return -ENOBUFS;
	}
	leave_state(board, last);
	last->end = end;
	last->sent_us = now_us;
	last->ambiguous = true;
	enter_state(board, last, TRANSMISSION_IN_FLIGHT);
	return 0;
}

int scoreboard_sent(struct tcp_scoreboard *board, uint32_t start, uint32_t end, uint32_t now_us)
{
	struct tcp_transmission *last = scoreboard_last(board);
	uint32_t index;

	assert(last == NULL || last->end == start);
	if (last != NULL && last->state == TRANSMISSION_IN_FLIGHT && !last->ambiguous &&
	    last->sent_us == now_us) {
		last->end = end;
		board->in_flight_bytes += end - start;
		return 0;
	}
	index = take_free(board->pool);
	if (index == NONE) {
		return grow_last(board, end, now_us);
	}
	board->pool->record[index] =
		(struct tcp_transmission){.start = start, .end = end, .sent_us = now_us};
	board->records++;
	insert(board, &board->all, ORDER_SEQUENCE, index, board->all.last);
	enter_state(board, &board->pool->record[index], TRANSMISSION_IN_FLIGHT);
	return 0;
}

/* [start, at) and [at, end) become two records; false: there is none for the second. */
static bool split(struct tcp_scoreboard *board, struct tcp_transmission *record, uint32_t at)
{
	uint32_t first = index_of(board, record);
	uint32_t second = take_free(board->pool);

	if (second == NONE) {
		return false;
	}
	board->pool->record[second] = *record;
	board->pool->record[second].start = at;
	record->end = at;
	board->records++;
	insert(board, &board->all, ORDER_SEQUENCE, second, first);
	if (record->state != TRANSMISSION_SACKED) {
		insert(board, list_of(board, record->state), ORDER_STATE, second, first);
	}
	return true;
}

/* The same, as a report wants it. */
static bool split_by_report(struct tcp_scoreboard *board, struct tcp_transmission *record,
			    uint32_t at)
{
	uint32_t bytes = board->in_flight_bytes + board->lost_bytes + board->sacked_bytes;

	return board->records < SPLIT_RECORDS + bytes / SPLIT_BYTES && split(board, record, at);
}

static struct tcp_transmission *next_of(const struct tcp_scoreboard *board,
					const struct tcp_transmission *record)
{
	return scoreboard_at(board, record->link[ORDER_SEQUENCE].next);
}

static struct tcp_transmission *prev_of(const struct tcp_scoreboard *board,
					const struct tcp_transmission *record)
{
	return scoreboard_at(board, record->link[ORDER_SEQUENCE].prev);
}

/* Which record `seq` is in; it is covered. */
static struct tcp_transmission *find(struct tcp_scoreboard *board, uint32_t seq)
{
	struct tcp_transmission *at = scoreboard_at(board, board->hint);

	if (at == NULL) {
		at = scoreboard_last(board);
	}
	while (seq_lt(seq, at->start)) {
		at = prev_of(board, at);
	}
	while (seq_ge(seq, at->end)) {
		at = next_of(board, at);
	}
	board->hint = index_of(board, at);
	return at;
}

static bool alike(const struct tcp_transmission *a, const struct tcp_transmission *b)
{
	if (a->state != b->state || a->state == TRANSMISSION_SACKED) {
		return a->state == b->state;
	}
	return a->ambiguous == b->ambiguous &&
	       (a->state == TRANSMISSION_LOST || a->sent_us == b->sent_us);
}

/* Appends `record` to its neighbour below when they tell the same; returns what it is part of. */
static struct tcp_transmission *join(struct tcp_scoreboard *board, struct tcp_transmission *record)
{
	struct tcp_transmission *below = prev_of(board, record);

	if (below == NULL || !alike(below, record)) {
		return record;
	}
	leave_state(board, record);
	count(board, below, false);
	below->end = record->end;
	below->ambiguous = below->ambiguous || record->ambiguous;
	/* Lost ones may differ in time: the later one says when both had been sent. */
	below->sent_us = older(below->sent_us, record->sent_us) ? record->sent_us : below->sent_us;
	count(board, below, true);
	release(board, record);
	return below;
}

static void join_both(struct tcp_scoreboard *board, struct tcp_transmission *record)
{
	struct tcp_transmission *above;

	record = join(board, record);
	above = next_of(board, record);
	if (above != NULL) {
		(void)join(board, above);
	}
}

void scoreboard_resent(struct tcp_scoreboard *board, uint32_t start, uint32_t end, uint32_t now_us)
{
	struct tcp_transmission *record = find(board, start);

	assert(record->state != TRANSMISSION_SACKED);
	if (record->start != start && split(board, record, start)) {
		record = next_of(board, record);
	}
	/* Without a record to split it all of it counts as sent: the rest will be lost again. */
	if (seq_gt(record->end, end)) {
		(void)split(board, record, end);
	}
	leave_state(board, record);
	record->sent_us = now_us;
	record->ambiguous = true;
	enter_state(board, record, TRANSMISSION_IN_FLIGHT);
	(void)join(board, record);
}

bool scoreboard_sack(struct tcp_scoreboard *board, uint32_t start, uint32_t end,
		     scoreboard_delivered *delivered, void *context)
{
	struct tcp_transmission *record = find(board, start);
	bool whole = true;

	while (record != NULL && seq_lt(record->start, end)) {
		struct tcp_transmission *above = next_of(board, record);

		if (record->state == TRANSMISSION_SACKED) {
			record = above;
			continue;
		}
		if (seq_lt(record->start, start)) {
			whole = split_by_report(board, record, start) && whole;
			record = next_of(board, record);
			continue;
		}
		if (seq_gt(record->end, end) && !split_by_report(board, record, end)) {
			return false;
		}
		delivered(context, record);
		leave_state(board, record);
		enter_state(board, record, TRANSMISSION_SACKED);
		board->hint = index_of(board, record);
		above = next_of(board, record);
		/* The one above may be joined too, and be gone: it is looked at first. */
		record = above != NULL && above->state == TRANSMISSION_SACKED
				 ? next_of(board, above)
				 : above;
		join_both(board, scoreboard_at(board, board->hint));
	}
	return whole;
}

void scoreboard_ack(struct tcp_scoreboard *board, uint32_t snd_una, scoreboard_delivered *delivered,
		    void *context)
{
	struct tcp_transmission *first;

	while ((first = scoreboard_first(board)) != NULL && seq_le(first->end, snd_una)) {
		if (first->state != TRANSMISSION_SACKED) {
			delivered(context, first);
		}
		leave_state(board, first);
		release(board, first);
	}
	if (first != NULL && seq_lt(first->start, snd_una)) {
		struct tcp_transmission part = *first;

		part.end = snd_una;
		if (first->state != TRANSMISSION_SACKED) {
			delivered(context, &part);
		}
		count(board, &part, false);
		first->start = snd_una;
	}
}

void scoreboard_mark_lost(struct tcp_scoreboard *board, struct tcp_transmission *record)
{
	leave_state(board, record);
	enter_state(board, record, TRANSMISSION_LOST);
	join_both(board, record);
}

void scoreboard_unmark_lost(struct tcp_scoreboard *board)
{
	struct tcp_transmission *record;

	while ((record = scoreboard_first_lost(board)) != NULL) {
		leave_state(board, record);
		enter_state(board, record, TRANSMISSION_IN_FLIGHT);
	}
}

void scoreboard_renege(struct tcp_scoreboard *board)
{
	struct tcp_transmission *record = scoreboard_first(board);

	while (record != NULL) {
		struct tcp_transmission *above = next_of(board, record);

		if (record->state == TRANSMISSION_SACKED) {
			leave_state(board, record);
			record->ambiguous = true;
			enter_state(board, record, TRANSMISSION_LOST);
			(void)join(board, record);
		}
		record = above;
	}
}
