/*
 * The media log (control/abi/include/abi/log.h, dataplane/log_writer.c, control/relay/log_reader.c
 * and stream.c), with blocks of two units, messages of one or two units, and a pool that is reused.
 *
 * The worker appends: units, block_next, head; it takes back, unit by unit and as many at a time as
 * it likes, what lies below the tail of the control that is attached, and without a control
 * whatever it likes; blocks that come back are written again.
 *
 * Control starts at `reclaimed`, perhaps within a message, reads to head, keeps back one message
 * (as it keeps a GOP) which it may read again, and releases. It may die at any step; then the link
 * detaches it and attaches another one with a tail of its own (dataplane/link.c).
 *
 * Holds: a unit that is read holds what was written at that position and was not given back; units
 * are read one after the other without a gap from where control began, so that no message is lost
 * and all are in order; at the end all was written, which needs the blocks to come back, and read.
 *
 * Must fail: with PSO, NO_RELEASE (of head and of reclaimed). NO_ACQUIRE (a unit is loaded before
 * the head that covers it). EARLY_RELEASE (a unit is loaded after the tail above it was stored).
 * EARLY_ATTACH (control begins before the worker took its tail over, and still drops what nobody
 * reads). OLD_TAIL (the new control gets the tail of the dead one: what lies below it is given back
 * while it reads on from `reclaimed`). EAGER_FREE with NO_HOLD: a reader that waits at the end of a
 * block finds the next one through the block before, which therefore stays; either side alone
 * suffices.
 */
#define UNITS    2 /* in a block */
#ifndef BLOCKS
#define BLOCKS   3
#endif
#ifndef LENGTH
#define LENGTH   5 /* positions written */
#endif
#ifndef CONTROLS
#define CONTROLS 2
#endif
#define NOBODY   0
#define NONE     255

#define UNIT(b, p)      ((b) * UNITS + (p) % UNITS)
#define NEXT(b)         (BLOCKS * UNITS + (b))
#define HEAD            (BLOCKS * UNITS + BLOCKS)
#define RECLAIMED       (HEAD + 1)
#define RECLAIMED_BLOCK (HEAD + 2)
#ifdef OLD_TAIL
#define TAIL(k)         (HEAD + 3)
#else
#define TAIL(k)         (HEAD + 2 + (k))
#endif
#define ADDRESSES       (HEAD + 3 + CONTROLS)
#define PROCESSES       3
#define BUFFER          5
#define WORKER          0

#include "memory.pml"

/* What a unit holds: its position, and what it is. */
#define SLICES          0
#define SHORT           1 /* a message of one unit */
#define LONG            2 /* the entry of a message of two */
#define CONTENT(p, kind) (1 + (p) * 3 + (kind))

byte offered = NOBODY;
byte taken = NOBODY;
byte alive = NOBODY;
byte dying = NOBODY;
byte done;           /* position that the living control has read up to */

/* What is so, buffers or not: seen by assertions alone. */
byte written;        /* = head of the worker */
byte given_back;     /* = reclaimed of the worker */
byte kinds[LENGTH];

/* The worker's own. */
byte head;
byte cursor;
byte cursor_block;
byte reclaimed;
byte first_block;
byte next[BLOCKS];
byte pool[BLOCKS];
byte pool_count;

inline step_cursor() {
	cursor++;
	if
	:: cursor % UNITS == 0 ->
		d_step {
			assert(pool_count > 0);
			pool_count--;
			block = pool[pool_count];
			next[cursor_block] = block;
			next[block] = NONE
		}
		store(WORKER, NEXT(block), NONE);
		store(WORKER, NEXT(cursor_block), block);
		cursor_block = block
	:: else
	fi
}

inline put_unit(kind) {
	kinds[cursor] = kind;
	store(WORKER, UNIT(cursor_block, cursor), CONTENT(cursor, kind));
	step_cursor()
}

/* The blocks that a message needs behind the one it begins in are there. */
#define FITS(n) (head + (n) <= LENGTH && (head % UNITS + (n)) / UNITS <= pool_count)

inline commit() {
	d_step { head = cursor; written = head }
	store_release(WORKER, HEAD, head)
}

inline free_first_block() {
	pool[pool_count] = first_block;
	pool_count++;
	first_block = next[first_block]
}

#define AT_BOUNDARY(p) ((p) != 0 && (p) % UNITS == 0)

inline reclaim_unit() {
	d_step {
#ifndef EAGER_FREE
		if
		:: AT_BOUNDARY(reclaimed) -> free_first_block()
		:: else
		fi;
#endif
		reclaimed++;
		given_back = reclaimed;
#ifdef EAGER_FREE
		if
		:: AT_BOUNDARY(reclaimed) -> free_first_block()
		:: else
		fi
#endif
	}
}

/* Some of what lies below `to`. */
inline reclaim(to) {
	do
	:: reclaimed < to -> reclaim_unit()
	:: break
	od;
	block = first_block;
#ifndef EAGER_FREE
	if
	:: AT_BOUNDARY(reclaimed) -> block = next[first_block]
	:: else
	fi;
#endif
	store(WORKER, RECLAIMED_BLOCK, block);
	store_release(WORKER, RECLAIMED, reclaimed)
}

/* With release: whoever attaches afterwards sees what was reclaimed and which block it is in. */
inline take_over() {
	fence(WORKER);
	taken = offered
}

/*
 * A store is nobody else's business before it is drained: what the worker does between two loads of
 * what others wrote is one step.
 */
proctype worker()
{
	byte block;
	byte tail;
end:
	do
	:: offered != taken -> take_over()
	:: atomic { FITS(1) -> put_unit(SHORT); commit() }
	:: atomic { FITS(2) -> put_unit(LONG); put_unit(SLICES); commit() }
	:: atomic {
		taken != NOBODY && mem[TAIL(taken)] > reclaimed ->
		tail = mem[TAIL(taken)];
		assert(tail <= head);
		reclaim(tail);
		tail = 0
	   }
	:: atomic { taken == NOBODY && reclaimed < head -> reclaim(head) }
	od
}

inline resolve() {
	if
	:: unresolved -> block = mem[NEXT(block)]; assert(block < BLOCKS); unresolved = false
	:: else
	fi
}

inline load_unit() {
	d_step {
		content = mem[UNIT(block, position)];
		assert(position >= given_back);
		assert(content == CONTENT(position, kinds[position]));
		position++;
		unresolved = position % UNITS == 0
	}
}

inline release() {
#ifndef NO_HOLD
	hold = (unresolved -> previous : position);
#else
	hold = position;
#endif
	store_release(k, TAIL(k), hold);
	released = hold;
	hold = 0
}

/* The entry, and the unit of slices that a long message has. */
inline read_message() {
	resolve();
#ifdef NO_ACQUIRE
	assert(early == CONTENT(position, kinds[position]));
#endif
#ifdef EARLY_RELEASE
	store(k, TAIL(k), position + 1);
#endif
	d_step { previous = position; kept = position; kept_block = block }
	load_unit();
	if
	:: content % 3 == (1 + LONG) % 3 -> resolve(); load_unit()
	:: else
	fi;
	d_step { done = position; content = 0 }
}

/* A control that comes later may begin in the middle of a message. */
inline begin() {
	top = mem[HEAD];
	position = mem[RECLAIMED];
	block = mem[RECLAIMED_BLOCK];
	if
	:: position < top && mem[UNIT(block, position)] % 3 == (1 + SLICES) % 3 ->
		load_unit()
	:: else
	fi;
	d_step { done = position; released = position; previous = position; kept = NONE }
}

proctype control(byte k)
{
	byte top;
	byte position;
	byte previous;
	byte block;
	byte content;
	byte released;
	byte hold;
	byte kept;
	byte kept_block;
	byte early;
	bool unresolved;

	{
		begin();
		do
#ifdef NO_ACQUIRE
		:: mem[HEAD] >= position ->
			early = (unresolved -> 0 : mem[UNIT(block, position)]);
			top = mem[HEAD];
			if
			:: top > position && unresolved ->
				resolve();
				early = mem[UNIT(block, position)];
				read_message()
			:: top > position && !unresolved -> read_message()
			:: else
			fi
#else
		:: top > position -> read_message()
		:: mem[HEAD] > top -> top = mem[HEAD]
#endif
		:: atomic { (unresolved -> previous : position) > released -> release() }
		:: kept != NONE && kept >= released ->
			/* An origin that is further behind reads it again. */
			d_step {
				assert(kept >= given_back);
				assert(mem[UNIT(kept_block, kept)] == CONTENT(kept, kinds[kept]))
				kept = NONE
			}
		od
	} unless {
		dying == k -> alive = NOBODY
	}
}

proctype link()
{
	byte k = 1;
end:
	do
	:: k <= CONTROLS && alive == NOBODY ->
		offered = NOBODY;
		taken == NOBODY;
		offered = k;
#ifndef EARLY_ATTACH
		taken == k;
#endif
		alive = k;
		run control(k);
		if
		:: k < CONTROLS -> dying = k; alive == NOBODY
		:: break
		fi;
		k++
	od
}

init {
	byte i;

	d_step {
		pool[0] = BLOCKS - 1;
		pool[1] = 1;
		pool_count = BLOCKS - 1;
		next[0] = NONE;
		mem[NEXT(0)] = NONE
	}
	atomic {
		run_drains(0);
		run_drains(1);
		run_drains(2);
		run worker();
		run link()
	}
	timeout -> assert(alive != NOBODY && written == LENGTH && done == LENGTH)
}
