/*
 * Sleep of a worker (dataplane/idle.c): other workers put frames into its rings (dataplane/
 * forward.c), control puts commands into its own (control/events.c). Each then fences and writes the
 * worker's eventfd when its flag is set. The worker sets the flag, fences, and looks at all of them
 * once more before it sleeps.
 *
 * The 1 ms after which it wakes in any case is left out.
 *
 * Holds: when nothing can move any more, the worker has seen every frame and every command.
 *
 * Must fail: NO_PEER_FENCE, NO_WORKER_FENCE, NO_SECOND_LOOK, and BLIND_TO_ONE: the last of them is
 * left out of the second look.
 */
#define ADDRESSES 4
#define PROCESSES 4
#define BUFFER    2

#define WORKER    0
#define FLAG      0
#define RING(i)   (i) /* of peer i, from 1; one of them is control */
#define PEERS     3
#define FRAMES    2

#include "memory.pml"

bool token;
byte seen[ADDRESSES];

inline write_eventfd(p) {
	atomic {
#ifndef WEAK_EVENTFD
		empty(buffer[p]);
#endif
		token = true
	}
}

proctype peer(byte i)
{
	byte frames;
	bool flag;

	do
	:: frames < FRAMES ->
		frames++;
		store(i, RING(i), frames);
#ifndef NO_PEER_FENCE
		fence(i);
#endif
		flag = mem[FLAG];
		if
		:: flag -> write_eventfd(i)
		:: else
		fi
	:: else -> break
	od
}

inline turn() {
	seen[RING(1)] = mem[RING(1)];
	seen[RING(2)] = mem[RING(2)];
	seen[RING(3)] = mem[RING(3)]
}

proctype worker()
{
	bool pending;
end:
	do
	:: turn();
	   store(WORKER, FLAG, 1);
#ifndef NO_WORKER_FENCE
	   fence(WORKER);
#endif
#ifndef NO_SECOND_LOOK
	   pending = mem[RING(1)] != seen[RING(1)];
	   pending = pending || mem[RING(2)] != seen[RING(2)];
#ifndef BLIND_TO_ONE
	   pending = pending || mem[RING(3)] != seen[RING(3)];
#endif
#endif
	   if
	   :: !pending -> token; token = false /* ppoll, then read */
	   :: else
	   fi;
	   pending = false;
	   store(WORKER, FLAG, 0)
	od
}

init {
	byte i;

	atomic {
		run_drains(0);
		run_drains(1);
		run_drains(2);
		run_drains(3);
		for (i : 1 .. PEERS) {
			run peer(i)
		}
		run worker()
	}
	timeout -> assert(seen[RING(1)] == FRAMES && seen[RING(2)] == FRAMES &&
			  seen[RING(3)] == FRAMES)
}
