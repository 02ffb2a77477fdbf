/*
 * Reuse of a stream slot (control/abi/include/abi/pub.h, dataplane/publish.c and publish_reclaim.c,
 * control/relay/stream.c): one publication after the other, each with its generation, in the same
 * words: generation, state, head, and in `sub` the tail.
 *
 * The worker: head to 0, PENDING, generation odd; LIVE; head; ENDED; generation even, FREE; and so
 * on with the next, at any time (its linger time ran out). It believes a tail that names its
 * generation, if the position is not 0.
 *
 * The relay thread takes on generations as it sees them: claims the tail (position 0, generation),
 * then again and again loads state and head, checks the generation last, and releases what it
 * believes is its head.
 *
 * Holds: a head that was believed is one of that publication, and with ENDED the last one; a
 * position that the worker believes was released for that publication.
 *
 * Must fail: GENERATION_FIRST (the check comes before head is loaded), HEAD_FIRST (head before
 * state), KEEP_POSITION (the tail is claimed without setting its position to 0) and with PSO
 * NO_FENCE (after the generation) and NO_RELEASE.
 */
#define GENERATION    0
#define STATE         1
#define HEAD          2
#define TAIL_OWNER    3
#define TAIL_POSITION 4
#define ADDRESSES     5
#define PROCESSES     2
#define BUFFER        4
#define WORKER        0
#define RELAY         1

#include "memory.pml"

#define FREE          0
#define PENDING       1
#define LIVE          2
#define ENDED         3
#ifndef PUBLICATIONS
#define PUBLICATIONS  3
#endif
#define MESSAGES      2
#define LAST          (2 * PUBLICATIONS - 1) /* generation */

/* What is so, buffers or not. */
byte heads[LAST + 2];    /* highest that was stored, by generation */
bool is_last[LAST + 2];  /* it will not grow */
byte released[LAST + 2]; /* highest that the relay thread released for this generation */

proctype worker()
{
	byte generation;
	byte head;
	byte position;

	do
	:: generation < LAST ->
		/* log_open(), fill_slot(), set_state(), set_generation() */
		head = 0;
		generation++;
		store(WORKER, HEAD, 0);
		store_release(WORKER, STATE, PENDING);
		store_release(WORKER, GENERATION, generation);
#if defined(PSO) && !defined(NO_FENCE)
		fence(WORKER);
#endif
		store_release(WORKER, STATE, LIVE);
		do
		:: head < MESSAGES ->
			d_step { head++; heads[generation] = head }
			store_release(WORKER, HEAD, head)
		:: mem[TAIL_OWNER] == generation -> /* the owner first, then the position */
		   d_step {
			position = mem[TAIL_POSITION];
			assert(position == 0 || position <= released[generation]);
			position = 0
		   }
		:: break
		od;
		is_last[generation] = true;
		store_release(WORKER, STATE, ENDED);
		generation++;
		store_release(WORKER, GENERATION, generation);
#if defined(PSO) && !defined(NO_FENCE)
		fence(WORKER);
#endif
		store_release(WORKER, STATE, FREE)
	:: else -> break
	od
}

inline claim() {
#ifndef KEEP_POSITION
	store(RELAY, TAIL_POSITION, 0);
#endif
	store_release(RELAY, TAIL_OWNER, mine)
}

inline refresh() {
#ifdef GENERATION_FIRST
	same = mem[GENERATION] == mine;
#endif
#ifdef HEAD_FIRST
	head = mem[HEAD];
	state = mem[STATE];
#else
	state = mem[STATE];
	head = mem[HEAD];
#endif
#ifndef GENERATION_FIRST
	same = mem[GENERATION] == mine;
#endif
	if
	:: same ->
		assert(head <= heads[mine]);
		assert(state != FREE);
		assert(state != ENDED || (is_last[mine] && head == heads[mine]));
		if
		:: head > released[mine] ->
			released[mine] = head;
			store_release(RELAY, TAIL_POSITION, head)
		:: else
		fi
	:: else -> mine = 0
	fi
}

proctype relay()
{
	byte mine; /* generation, 0: none */
	byte state;
	byte head;
	bool same;
end:
	do
	:: atomic { mine == 0 && mem[GENERATION] % 2 == 1 -> mine = mem[GENERATION] }
	   claim()
	:: mine != 0 -> refresh()
	od
}

init {
	byte i;

	atomic {
		run_drains(0);
		run_drains(1);
		run worker();
		run relay()
	}
}
