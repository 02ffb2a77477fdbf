/*
 * Sleep of a worker (dataplane/idle.c, dataplane/forward.c): other workers put frames into its
 * rings, fence, and write its eventfd when its flag is set; control puts a command into its ring and
 * writes the same eventfd whether it sleeps or not (control/events.c). Before it sleeps the worker
 * looks at the rings once more, but not at the commands: the token of a command stays.
 *
 * The 1 ms after which it wakes in any case is left out.
 *
 * Holds: when nothing can move any more, the worker has seen every frame and every command.
 *
 * Must fail: NO_PEER_FENCE, NO_WORKER_FENCE, NO_SECOND_LOOK, and WEAK_EVENTFD: for commands the
 * protocol rests on the kernel's lock in place of a fence.
 */
#define ADDRESSES 4
#define PROCESSES 4
#define BUFFER    2

#define WORKER    0
#define FLAG      0
#define RING(i)   (i) /* of peer i: 1 and 2 */
#define COMMANDS  3
#define CONTROL   3
#define PEERS     2
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

proctype control()
{
	byte commands;

	do
	:: commands < FRAMES ->
		commands++;
		store_release(CONTROL, COMMANDS, commands);
		write_eventfd(CONTROL)
	:: else -> break
	od
}

inline turn() {
	seen[COMMANDS] = mem[COMMANDS];
	seen[RING(1)] = mem[RING(1)];
	seen[RING(2)] = mem[RING(2)]
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
		run control();
		run worker()
	}
	timeout -> assert(seen[RING(1)] == FRAMES && seen[RING(2)] == FRAMES &&
			  seen[COMMANDS] == FRAMES)
}
