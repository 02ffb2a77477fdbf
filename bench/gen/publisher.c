#include "bench/gen/publisher.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/common/rng.h"
#include "bench/gen/fleet.h"
#include "rtmp/heap_buffers.h"

#define SETUP_US     UINT64_C(10000000)
#define FINISH_US    UINT64_C(5000000)
#define RETRY_US     UINT64_C(20000) /* thousands may ask: that must leave time to send */
#define SLOW_US      UINT64_C(1000)
#define NEVER        UINT64_MAX
#define REPLY_BYTES  8192u
#define RTMP_C0_SIZE 1u

const char *gen_end_key(enum gen_end end)
{
	static const char *const keys[] = {
#define GEN_END_KEY(name, key) key,
		GEN_ENDS(GEN_END_KEY)
#undef GEN_END_KEY
	};

	return keys[end];
}

static void fail(struct publisher *p, enum gen_end why)
{
	p->fleet->transport->ops->abort(p->fleet->transport, p);
	publisher_closed(p, why);
}

void publisher_closed(struct publisher *p, enum gen_end why)
{
	/* At the end of an orderly end it does not matter whether the peer resets. */
	if (p->state == PUBLISHER_FINISHING) {
		why = GEN_END_NORMAL;
	} else if (why == GEN_END_NORMAL) {
		why = GEN_END_PEER_CLOSED;
	}
	wheel_disarm(&p->timer);
	rtmp_client_fini(&p->client);
	outbox_clear(&p->outbox, &p->fleet->outboxes);
	fleet_ended(p->fleet, p, why);
}

void publisher_abandon(struct publisher *p)
{
	p->fleet->transport->ops->abort(p->fleet->transport, p);
	wheel_disarm(&p->timer);
	rtmp_client_fini(&p->client);
	outbox_clear(&p->outbox, &p->fleet->outboxes);
	p->state = PUBLISHER_IDLE;
}

/* Hands over what waits. False when that ended the publisher. */
static bool push(struct publisher *p)
{
	bool trickle = p->slow && p->state == PUBLISHER_PUBLISHING;
	enum transport_sent sent;

	p->blocked = false;
	if (p->outbox.count == 0) {
		return true;
	}
	sent = p->fleet->transport->ops->send(p->fleet->transport, p, trickle ? 1 : UINT32_MAX);
	if (sent == TRANSPORT_LOST) {
		fail(p, GEN_END_RESET);
		return false;
	}
	p->blocked = p->outbox.count > 0;
	if (sent == TRANSPORT_RETRY) {
		wheel_arm(&p->fleet->wheel, &p->timer, p->fleet->now_us + RETRY_US);
	}
	return true;
}

static bool reply(struct publisher *p, const struct rtmp_out *out)
{
	if (out->len != 0 &&
	    outbox_reply(&p->outbox, &p->fleet->outboxes, out->data, out->len) != 0) {
		fail(p, GEN_END_NO_MEMORY);
		return false;
	}
	return push(p);
}

/* When the next message may be sent. */
static uint64_t due_us(const struct publisher *p)
{
	const struct gen_options *o = p->fleet->options;
	uint64_t at;

	if (o->silent) {
		return NEVER;
	}
	if (o->bitrate_kbps == 0 && o->flv == NULL) {
		return 0;
	}
	at = content_due_us(&p->content, &p->fleet->content);
	if (o->burst_ms != 0) {
		at -= at % (o->burst_ms * UINT64_C(1000));
	}
	return p->begin_us + at;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* What a slow publisher has generated is to be what it has sent, to within a message. */
static bool has_room(const struct publisher *p)
{
	return p->slow ? p->outbox.count == 0 : outbox_has_room(&p->outbox);
}

/* Generates what is due and finds room. */
static void generate(struct publisher *p)
{
	struct fleet *f = p->fleet;
	uint64_t due;

	while (has_room(p) && (due = due_us(p)) <= f->now_us) {
		struct wire *wire = outbox_get(&p->outbox, &f->outboxes);
		uint32_t length;

		if (wire == NULL) {
			return;
		}
		length = content_next(&p->content, &f->content, &p->client.writer,
				      p->client.stream_id, clock_ns(), wire);
		outbox_put(&p->outbox);
		p->sent_bytes += length;
		f->counts.payload_bytes += length;
		f->counts.messages++;
		if (due != 0 && !p->slow) {
			histogram_add(&f->lag_us, f->now_us - due);
		}
	}
}

/* When to look again: TCP wakes up who is blocked. */
static uint64_t next_look(const struct publisher *p)
{
	uint64_t at;

	if (p->outbox.count > 0) {
		at = p->slow ? p->fleet->now_us + SLOW_US : NEVER;
	} else {
		at = due_us(p);
	}
	return at < p->end_us ? at : p->end_us;
}

static void fill(struct publisher *p)
{
	uint64_t at;

	generate(p);
	wheel_disarm(&p->timer);
	if (!push(p) || p->timer.armed) {
		return;
	}
	at = next_look(p);
	if (at != NEVER) {
		wheel_arm(&p->fleet->wheel, &p->timer, at);
	}
}

void publisher_run(struct publisher *p)
{
	bool over = p->fleet->now_us >= p->end_us;

	switch ((enum publisher_state)p->state) {
	case PUBLISHER_IDLE:
		if (!p->fleet->finishing) {
			publisher_start(p, p->fleet->arrivals);
		}
		break;
	case PUBLISHER_CONNECTING:
	case PUBLISHER_SETUP:
		if (over) {
			fail(p, p->state == PUBLISHER_SETUP ? GEN_END_SETUP_TIMEOUT
							    : GEN_END_CONNECT_TIMEOUT);
		} else if (push(p)) {
			wheel_arm(&p->fleet->wheel, &p->timer, p->end_us);
		}
		break;
	case PUBLISHER_PUBLISHING:
		if (over) {
			publisher_finish(p);
		} else {
			fill(p);
		}
		break;
	case PUBLISHER_FINISHING:
		if (over) {
			fail(p, GEN_END_NORMAL);
		} else {
			publisher_writable(p);
		}
		break;
	}
}

/* The fixed C1 that carries a digest takes the place of the client's. */
static void set_digest(const struct publisher *p, struct rtmp_out *out)
{
	if (p->fleet->options->rate_publishes) {
		memcpy(out->data + RTMP_C0_SIZE, p->fleet->c1, sizeof(p->fleet->c1));
	}
}

void publisher_connected(struct publisher *p)
{
	uint8_t bytes[REPLY_BYTES];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};

	p->state = PUBLISHER_SETUP;
	p->fleet->reached = true;
	if (rtmp_client_start(&p->client, &out) != 0) {
		fail(p, GEN_END_PROTOCOL);
		return;
	}
	set_digest(p, &out);
	(void)reply(p, &out);
}

/* Exponentially distributed. */
static uint64_t lifetime_us(struct fleet *f)
{
	double u = (double)((rng_next(&f->random) >> 11) + 1) / 9007199254740992.0;

	return (uint64_t)(-log(u) * f->options->churn_s * 1e6);
}

bool publisher_churns(const struct publisher *p)
{
	const struct gen_options *o = p->fleet->options;
	uint32_t index = (uint32_t)(p - p->fleet->publishers);

	return o->churn_s != 0 && (o->churn_publishers == 0 || index < o->churn_publishers);
}

static void began(struct publisher *p)
{
	struct fleet *f = p->fleet;
	uint32_t frame_us = 1000000 / f->options->fps;

	p->state = PUBLISHER_PUBLISHING;
	p->end_us = NEVER;
	if (f->options->rate_publishes) {
		p->end_us = f->now_us;
	} else if (publisher_churns(p)) {
		p->end_us = f->now_us + lifetime_us(f);
	}
	/* Publishers that were accepted together do not send in step. */
	p->begin_us = f->now_us + rng_below(&f->random, frame_us);
	wheel_arm(&f->wheel, &p->timer, f->now_us);
	fleet_published(f, p);
}

/* 0, or why the session ends. */
static enum gen_end on_event(struct publisher *p, const struct rtmp_client_event *event)
{
	if (event->type == RTMP_CLIENT_PUBLISHING) {
		began(p);
	} else if (event->type == RTMP_CLIENT_REFUSED) {
		/* A hundred thousand of them would say the same. */
		if (p->fleet->counts.errors[GEN_END_PUBLISH_REFUSED] < 10) {
			fprintf(stderr, "penstock-gen: %s: %s: %s\n", p->name, event->code,
				event->text);
		}
		return GEN_END_PUBLISH_REFUSED;
	}
	return GEN_END_NORMAL;
}

void publisher_received(struct publisher *p, uint8_t *data, uint32_t len)
{
	uint8_t bytes[REPLY_BYTES];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};
	struct rtmp_span in = {.data = data, .len = len};
	struct rtmp_client_event event;
	enum gen_end end = GEN_END_NORMAL;

	if (p->state == PUBLISHER_FINISHING) {
		return;
	}
	do {
		if (rtmp_client_next(&p->client, &in, &out, &event) != 0) {
			end = GEN_END_PROTOCOL;
			break;
		}
		end = on_event(p, &event);
	} while (event.type != RTMP_CLIENT_MORE && end == GEN_END_NORMAL);
	if (end != GEN_END_NORMAL) {
		fail(p, end);
		return;
	}
	bool was_blocked = p->blocked;
	/* What this sent on may be all that waited: then nobody else would wake the publisher. */
	if (reply(p, &out) && was_blocked && !p->blocked && p->state == PUBLISHER_PUBLISHING) {
		fill(p);
	}
}

void publisher_writable(struct publisher *p)
{
	if (p->state == PUBLISHER_PUBLISHING) {
		if (p->blocked && !p->slow) {
			fill(p);
		}
		return;
	}
	if (push(p) && p->state == PUBLISHER_FINISHING && p->outbox.count == 0 && !p->closing) {
		p->closing = true;
		p->fleet->transport->ops->close(p->fleet->transport, p);
	}
}

void publisher_peer_closed(struct publisher *p)
{
	if (p->state != PUBLISHER_FINISHING) {
		fail(p, GEN_END_PEER_CLOSED);
	}
}

void publisher_finish(struct publisher *p)
{
	uint8_t bytes[REPLY_BYTES];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};
	bool published = p->state == PUBLISHER_PUBLISHING;

	if (p->state == PUBLISHER_IDLE || p->state == PUBLISHER_FINISHING) {
		return;
	}
	if (!published) {
		p->fleet->setup--;
		p->state = PUBLISHER_FINISHING;
		fail(p, GEN_END_NORMAL);
		return;
	}
	p->fleet->publishing--;
	p->state = PUBLISHER_FINISHING;
	p->end_us = p->fleet->now_us + FINISH_US;
	wheel_arm(&p->fleet->wheel, &p->timer, p->end_us);
	if (rtmp_client_finish(&p->client, &out) != 0) {
		fail(p, GEN_END_NORMAL);
	} else if (reply(p, &out)) {
		publisher_writable(p);
	}
}

void publisher_start(struct publisher *p, uint32_t arrival)
{
	struct fleet *f = p->fleet;
	const struct gen_options *o = f->options;
	enum gen_end end;

	f->arrivals++;
	f->setup++;
	f->open++;
	p->arrival = arrival;
	p->state = PUBLISHER_CONNECTING;
	p->blocked = false;
	p->closing = false;
	p->connect_us = f->now_us;
	p->end_us = f->now_us + SETUP_US;
	snprintf(p->name, sizeof(p->name), "%s%u", o->name, arrival);
	rtmp_client_init(&p->client,
			 &(struct rtmp_client_config){
				 .buffers = &rtmp_heap_buffers,
				 .app = o->app,
				 .tc_url = f->tc_url,
				 .name = p->name,
				 .flash_ver = "FMLE/3.0 (compatible; penstock-gen)",
				 .chunk_size = o->chunk_size,
			 },
			 arrival + 1);
	content_init(&p->content, &f->content, p->name, o->seed + arrival);
	wheel_arm(&f->wheel, &p->timer, p->end_us);
	end = f->transport->ops->connect(f->transport, p);
	if (end != GEN_END_NORMAL) {
		publisher_closed(p, end);
	}
}
