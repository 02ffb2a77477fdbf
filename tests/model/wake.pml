/*
 * Wake-ups of control (control/abi/include/abi/sub.h, dataplane/publish_notify.c, control/relay/
 * news.c): the worker stores news, fences, loads the flag and writes the eventfd when it is set;
 * the relay thread stores the flag, fences, looks once more and sleeps on the eventfd.
 *
 * Control may die at any step. Then the link hands the worker no `sub` and, when the worker let go
 * of the old one, a fresh one, and starts a new control when the worker has taken it over
 * (dataplane/link.c). The eventfd and its token outlive control. The tick that in reality ends a
 * sleep is left out: nothing may depend on it.
 *
 * Holds: when nothing can move any more, the living control has seen all news.
 *
 * Must fail: NO_WORKER_FENCE, NO_CONTROL_FENCE, NO_SECOND_LOOK, FLAG_AFTER_LOOK, EARLY_ATTACH (the
 * new control runs before the worker looks at its flag), NO_ATTACH_RELEASE.
 */
#define ADDRESSES 4
#define PROCESSES 4
#define BUFFER    3

#define NEWS      0
#define FLAG(k)   (k) /* of control k, from 1: 0 in a fresh sub */
#define WORKER    0

#include "memory.pml"

#define PUBLICATIONS 3
#define CONTROLS     3
#define NOBODY       0

byte offered = NOBODY; /* written by the link, read by the worker */
byte taken = NOBODY;   /* the other way */
bool token;            /* the eventfd is readable */
byte alive = NOBODY;
byte dying = NOBODY;   /* told to die */
byte seen;             /* news that the living control has looked at */

inline write_eventfd() {
	atomic {
#ifndef WEAK_EVENTFD
		empty(buffer[WORKER]);
#endif
		token = true
	}
}

/* With release: whoever knows that the worker took it over sees all that was news before. */
inline take_over() {
#ifndef NO_ATTACH_RELEASE
	fence(WORKER);
#endif
	taken = offered
}

proctype worker()
{
	byte news;
	bool flag;
end:
	do
	:: offered != taken -> take_over()
	:: news < PUBLICATIONS ->
		news++;
		store(WORKER, NEWS, news);
		if
		:: taken != NOBODY ->
#ifndef NO_WORKER_FENCE
			fence(WORKER);
#endif
			flag = mem[FLAG(taken)];
			if
			:: flag -> write_eventfd()
			:: else
			fi
		:: else /* nobody to wake: whoever comes looks at everything */
		fi
	od
}

inline sleep(k) {
#ifndef FLAG_AFTER_LOOK
	store(k, FLAG(k), 1);
#ifndef NO_CONTROL_FENCE
	fence(k);
#endif
#endif
#ifdef NO_SECOND_LOOK
	look = seen;
#else
	look = mem[NEWS];
#endif
#ifdef FLAG_AFTER_LOOK
	store(k, FLAG(k), 1);
	fence(k);
#endif
	if
	:: look == seen -> token /* epoll_wait */
	:: else
	fi;
	store(k, FLAG(k), 0);
	token = false /* epoll reports it, if it is there */
}

proctype control(byte k)
{
	byte look;

	{
		seen = mem[NEWS]; /* relay_create(); then it reads the stream table */
		do
		:: sleep(k);
		   seen = mem[NEWS]
		od
	} unless {
		dying == k -> alive = NOBODY
	}
}

/* One control after the other; each may be killed at any time. */
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

	atomic {
		run_drains(0);
		run_drains(1);
		run_drains(2);
		run_drains(3);
		run worker();
		run link()
	}
	timeout -> assert(alive != NOBODY && seen == PUBLICATIONS)
}
