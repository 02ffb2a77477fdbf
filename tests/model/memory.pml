/*
 * Shared memory with store buffers, for models that spin would otherwise check under sequential
 * consistency alone.
 *
 * A store goes into a bounded FIFO of its process and reaches memory some time later, when a drain
 * process takes it out; a fence waits until the FIFO is empty. A load reads memory: each address
 * has one writer, which keeps what it wrote in a variable of its own (store forwarding). The store
 * buffer of a process that dies is drained all the same, as that of a processor is.
 *
 * TSO (default): a FIFO is just that. This is x86-64 (Owens, Sarkar, Sewell: "A better x86 memory
 * model: x86-TSO"): stores stay in order, loads stay in order, a load may overtake an earlier store
 * to another address. There release and acquire cost nothing, and of all C11 fences of the protocol
 * the seq_cst ones alone are instructions: so TSO is enough to judge what runs on x86-64.
 *
 * PSO: a plain store also overtakes what stands before it for other addresses, as on Arm or POWER;
 * a release store waits until all that stands before it has reached memory, but what comes after it
 * may overtake it. Loads that overtake loads or stores are not modelled: where an acquire or a
 * release keeps a load in its place, a variant of the model moves the load by hand to where it could
 * go without it.
 *
 * SC: no buffers at all, to show what spin alone would not find.
 *
 * A write to an eventfd takes the lock in the kernel that a read takes, so that whoever read the
 * token sees what was stored before it was written. WEAK_EVENTFD leaves that out.
 *
 * The includer defines ADDRESSES (of memory), PROCESSES (with a buffer) and BUFFER (its length).
 */
byte mem[ADDRESSES];
chan buffer[PROCESSES] = [BUFFER] of { byte, byte, bool }; /* address, value, release */

/* Waits while the buffer is full. */
inline store(p, a, v) {
#ifdef SC
	mem[a] = v
#else
	buffer[p]!a,v,false
#endif
}

inline store_release(p, a, v) {
#if defined(SC) || defined(NO_RELEASE)
	store(p, a, v)
#else
	buffer[p]!a,v,true
#endif
}

inline fence(p) {
	empty(buffer[p])
}

/* run_drains(p): a statement of init, which has a variable `i`. */
#ifdef PSO
/* One for each address: the oldest store to it, whatever stands before unless it is a release. */
proctype drain(byte p; byte a)
{
	byte v;
	bool release;
end:
	do
	:: atomic { buffer[p]?eval(a),v,release -> mem[a] = v; v = 0; release = false }
	:: atomic {
		buffer[p]?? <eval(a),v,release> ->
		if
		:: !release -> buffer[p]??eval(a),v,release; mem[a] = v
		:: else
		fi;
		v = 0;
		release = false
	   }
	od
}

inline run_drains(p) {
	for (i : 0 .. ADDRESSES - 1) {
		run drain(p, i)
	}
}
#else
proctype drain(byte p)
{
	byte a;
	byte v;
end:
	do
	:: atomic { buffer[p]?a,v,_ -> mem[a] = v; a = 0; v = 0 }
	od
}

inline run_drains(p) {
	run drain(p)
}
#endif
