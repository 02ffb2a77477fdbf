#include "origin_ack.h"

#include "clock.h"
#include "origin_io.h"

#define WINDOW_MIN      4096u
#define WINDOW_FIRST    16384u
#define WINDOW_MAX      262144u
#define WINDOWS_IN_GOP  8u
#define TCP_LOOK_US     (500 * US_PER_MS)
#define TCP_DECIDE_SENT (4 * (uint64_t)WINDOW_MAX)

static void show(_Atomic uint64_t *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

const char *origin_ack_name(enum origin_ack_mode mode)
{
	static const char *const names[] = {
		[ORIGIN_ACK_PENDING] = "pending",
		[ORIGIN_ACK_RTMP] = "rtmp",
		[ORIGIN_ACK_TCP] = "tcp",
	};

	return names[mode];
}

static void set_mode(struct origin *o, enum origin_ack_mode mode)
{
	o->ack_mode = mode;
	atomic_store_explicit(&o->ack_mode_shown, mode, memory_order_relaxed);
}

void origin_ack_open(struct origin *o)
{
	o->marks.count = 0;
	o->conn_bytes = 0;
	o->acked_conn = 0;
	o->ack_window = 0;
	o->tcp_look_us = 0;
	show(&o->sent_bytes, 0);
	show(&o->tcp_acked_bytes, 0);
	show(&o->acked_bytes, 0);
}

void origin_ack_begin(struct origin *o, uint64_t number, uint64_t unsent)
{
	if (o->marks.count == 0) {
		marks_init(&o->marks, o->conn_bytes + unsent, number);
		show(&o->tcp_acked_message, number);
	} else {
		marks_add(&o->marks, o->conn_bytes + unsent, number);
	}
	o->next_number = number;
	if (o->fresh_number > number) {
		return;
	}
	relay_add(&o->skipped_messages, number - o->fresh_number);
	relay_count(o->context, RELAY_COUNTER_relay_skipped_messages, number - o->fresh_number);
	o->fresh_number = number;
}

void origin_ack_sent(struct origin *o, uint32_t messages)
{
	uint64_t next = o->next_number + messages;
	uint64_t repeated = 0;

	if (o->fresh_number > o->next_number) {
		repeated = (next < o->fresh_number ? next : o->fresh_number) - o->next_number;
	}
	relay_add(&o->messages, messages);
	relay_count(o->context, RELAY_COUNTER_relay_messages, messages);
	relay_add(&o->repeated_messages, repeated);
	relay_count(o->context, RELAY_COUNTER_relay_repeated_messages, repeated);
	o->next_number = next;
	o->fresh_number = o->fresh_number > next ? o->fresh_number : next;
	if (o->claim && !o->batch->open) {
		marks_add(&o->marks, o->conn_bytes, next);
	}
	show(&o->sent_message, next);
	show(&o->sent_bytes, o->conn_bytes);
}

/* Bytes of the connection that the origin's kernel has. */
static uint64_t tcp_acked(const struct origin *o)
{
	uint64_t unacked = (uint64_t)origin_io_unacked(o);

	return unacked < o->conn_bytes ? o->conn_bytes - unacked : 0;
}

/* It has so much: that need not be sent again. */
static void advance(struct origin *o, uint64_t bytes)
{
	uint64_t number;

	if (bytes <= o->acked_conn) {
		return;
	}
	o->acked_conn = bytes;
	show(&o->acked_bytes, bytes);
	if (o->marks.count == 0) {
		return;
	}
	number = marks_reached(&o->marks, bytes);
	marks_forget(&o->marks, bytes);
	if (number > o->resume_number) {
		o->resume_number = number;
	}
	if (number > atomic_load_explicit(&o->acked_message, memory_order_relaxed)) {
		show(&o->acked_message, number);
	}
}

void origin_ack_take(struct origin *o, uint64_t bytes)
{
	uint64_t known = tcp_acked(o);

	set_mode(o, ORIGIN_ACK_RTMP);
	/* It cannot have more than its kernel: nginx-rtmp's count begins anew, others' are wrong.
	 */
	advance(o, bytes < known ? bytes : known);
}

/* Enough went out for several acknowledgements, and none came. */
static bool never_acknowledges(const struct origin *o, uint64_t acked, uint64_t now_us)
{
	return o->ack_mode == ORIGIN_ACK_PENDING && o->ack_window > 0 &&
	       (acked >= TCP_DECIDE_SENT || acked >= 8 * (uint64_t)o->ack_window) &&
	       now_us - o->publishing_us >= o->context->settings.ack_us;
}

void origin_ack_tick(struct origin *o, uint64_t now_us)
{
	uint64_t acked;

	if (o->state != ORIGIN_PUBLISHING || now_us < o->tcp_look_us) {
		return;
	}
	acked = tcp_acked(o);
	o->tcp_look_us = now_us + (o->ack_mode == ORIGIN_ACK_RTMP ? TCP_LOOK_US : 0);
	show(&o->tcp_acked_bytes, acked);
	if (o->marks.count > 0) {
		show(&o->tcp_acked_message, marks_reached(&o->marks, acked));
	}
	if (never_acknowledges(o, acked, now_us)) {
		set_mode(o, ORIGIN_ACK_TCP);
	}
	if (o->ack_mode == ORIGIN_ACK_TCP) {
		advance(o, acked);
	}
}

uint32_t origin_ack_window(const struct origin *o, uint64_t gop_bytes)
{
	uint64_t window = gop_bytes > 0 ? gop_bytes / WINDOWS_IN_GOP : WINDOW_FIRST;

	window = window < WINDOW_MIN ? WINDOW_MIN : window > WINDOW_MAX ? WINDOW_MAX : window;
	if (o->ack_window > 0 && window < 2 * (uint64_t)o->ack_window &&
	    2 * window > o->ack_window) {
		return 0;
	}
	return (uint32_t)window;
}
