/*
 * Places of origins (control/abi/include/abi/sub.h, control/relay/positions.c,
 * dataplane/publish_resume.c): a generation and a few entries, each an origin and its position.
 *
 * A relay thread takes over what it finds for the generation that is live, or clears it; keeps the
 * entries of origins that it knows, takes free ones or those of origins that are no more for
 * others, and stores positions as its origins acknowledge. It may be killed at any step. Then the
 * worker takes what is in memory, if it is of its generation, or else keeps what it took before, and
 * gives it to the next one, whose configuration names other origins or the same in another order.
 * The publication may end, and the next one begin in the same slot, at any time.
 *
 * Holds: no origin is started behind what it acknowledged of this publication.
 *
 * Must fail: NO_ZERO (an entry goes to another origin with the position that it has), KEY_LAST (its
 * position is set to 0 after that), BY_INDEX (entries are written anew in the order of the
 * configuration), EARLY_GENERATION (the generation comes before the entries), ANY_GENERATION (the
 * worker does not look at it), OLD_PLACES (it keeps what it took of the publication before).
 *
 * NO_RELEASE holds: what a killed process stored arrives before the worker looks, in whatever order.
 * The order of the program is what counts, and release is how the compiler is told to keep it.
 */
#define GENERATION   0
#define KEY(i)       (1 + 2 * (i))
#define POSITION(i)  (2 + 2 * (i))
#define ENTRIES      2
#define ADDRESSES    5
#define PROCESSES    1
#define BUFFER       3
#define RELAY        0

#include "memory.pml"

#ifndef CONTROLS
#define CONTROLS     3
#endif
#define PUBLICATIONS 2
#define ORIGINS      3 /* from 1; a configuration has as many as there are entries */
#define ACKED        1

byte live = 1;           /* generation */
byte acked[ORIGINS + 1]; /* of it */
bool alive;              /* control is */
bool killed;             /* and shall not be */
byte kept_key[ENTRIES];
byte kept_position[ENTRIES];

inline forget() {
	acked[1] = 0; acked[2] = 0; acked[3] = 0;
#ifndef OLD_PLACES
	kept_key[0] = 0; kept_key[1] = 0;
	kept_position[0] = 0; kept_position[1] = 0
#endif
}

inline take(i) {
	kept_key[i] = mem[KEY(i)];
	kept_position[i] = mem[POSITION(i)]
}

inline give(i) {
	mem[KEY(i)] = kept_key[i];
	mem[POSITION(i)] = kept_position[i]
}

/* What the relay stored is what it loads: `key` and `position` are its view. */
inline put_key(i, v) {
	key[i] = v;
	store_release(RELAY, KEY(i), v)
}

inline put_position(i, v) {
	position[i] = v;
	store_release(RELAY, POSITION(i), v)
}

/* Entry i goes to `origin`. */
inline assign(i, origin) {
#ifdef KEY_LAST
	put_key(i, origin);
	put_position(i, 0)
#else
#ifndef NO_ZERO
	put_position(i, 0);
#endif
	put_key(i, origin)
#endif
}

/* Where it is started. */
inline start(origin, found) {
	if
	:: key[0] == origin -> found = position[0]
	:: key[1] == origin -> found = position[1]
	:: key[0] != origin && key[1] != origin -> found = 0
	fi;
	assert(mine != live || found <= acked[origin])
}

inline open() {
#ifdef EARLY_GENERATION
	store_release(RELAY, GENERATION, mine);
#endif
	if
	:: generation != mine ->
		store_release(RELAY, GENERATION, 0);
		put_position(0, 0); put_key(0, 0);
		put_position(1, 0); put_key(1, 0)
	:: else
	fi;
	start(one, found_one);
	start(two, found_two);
#ifdef BY_INDEX
	at_one = 0; at_two = 1;
	put_key(0, one); put_position(0, found_one);
	put_key(1, two); put_position(1, found_two);
#else
	if
	:: key[0] == one -> at_one = 0
	:: key[1] == one -> at_one = 1
	:: key[0] != one && key[1] != one ->
		if
		:: key[0] == two -> at_one = 1
		:: else -> at_one = 0
		fi;
		assign(at_one, one)
	fi;
	at_two = 1 - at_one;
	if
	:: key[at_two] != two -> assign(at_two, two)
	:: else
	fi;
#endif
	generation = mine;
	store_release(RELAY, GENERATION, mine)
}

proctype relay()
{
	byte mine = live;
	byte generation = mem[GENERATION];
	byte key[ENTRIES];
	byte position[ENTRIES];
	byte one, two, at_one, at_two, found_one, found_two;

	{
	d_step {
		key[0] = mem[KEY(0)]; position[0] = mem[POSITION(0)];
		key[1] = mem[KEY(1)]; position[1] = mem[POSITION(1)]
	}
	if
	:: one = 1; two = 2
	:: one = 2; two = 1
	:: one = 3; two = 1
	:: one = 2; two = 3
	fi;
	open();
	do
	:: mine != live -> mine = live; open()
	:: atomic { mine == live && acked[one] < ACKED -> acked[one]++ };
		put_position(at_one, acked[one])
	:: atomic { mine == live && acked[two] < ACKED -> acked[two]++ };
		put_position(at_two, acked[two])
	od
	} unless {
		atomic { killed -> killed = false; alive = false }
	}
}

proctype worker()
{
	byte controls;

	do
	:: atomic { !alive && controls < CONTROLS && empty(buffer[RELAY]) ->
#ifndef ANY_GENERATION
		if
		:: mem[GENERATION] == live -> take(0); take(1)
		:: else
		fi;
#else
		take(0); take(1);
#endif
		give(0); give(1);
		mem[GENERATION] = live;
		controls++;
		alive = true;
		run relay()
	   }
	:: alive && !killed -> killed = true /* kill -9 */
	:: atomic { live < PUBLICATIONS -> live++; forget() }
	:: controls == CONTROLS -> break
	od
}

init
{
	byte i;

	atomic {
		run_drains(RELAY);
		run worker()
	}
}
