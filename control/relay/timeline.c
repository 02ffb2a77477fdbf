#include "timeline.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "rtmp/message.h"

#define KIND_NONE   TIMELINE_KINDS
#define SOON_WRAPS  0x80000000u /* ms: half of the time there is is over */
#define STEP_UNSEEN 20u         /* ms */

void timeline_init(struct timeline *t, bool repair)
{
	memset(t, 0, sizeof(*t));
	t->repair = repair;
}

void timeline_fini(struct timeline *t)
{
	free(t->epochs);
	t->epochs = NULL;
	t->epochs_count = 0;
}

/* One writer. */
static void count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static uint32_t kind_of(const struct abi_log_entry *entry)
{
	switch (entry->type) {
	case RTMP_TYPE_AUDIO:
		return TIMELINE_AUDIO;
	case RTMP_TYPE_VIDEO:
	case RTMP_TYPE_AGGREGATE:
		return TIMELINE_VIDEO;
	default:
		return KIND_NONE;
	}
}

/* Headers are sent at any time, and with any. */
static bool has_time(const struct abi_log_entry *entry)
{
	return entry->header == ABI_HEADER_NONE && kind_of(entry) != KIND_NONE;
}

/* Of several tracks the first one tells the time. */
static bool tells_time(const struct abi_log_entry *entry)
{
	return has_time(entry) && entry->track == 0 && !(entry->flags & ABI_LOG_TRACKS);
}

/* Epochs */

/* Room to repair; without it what comes is passed on as it is. */
static bool has_room(struct timeline *t)
{
	if (t->repair && !t->epochs) {
		t->epochs = calloc(TIMELINE_EPOCHS, sizeof(*t->epochs));
	}
	return t->epochs && t->epochs_count < TIMELINE_EPOCHS;
}

/* From here on the offsets of the clocks hold; there is room. */
static void begin_epoch(struct timeline *t, uint64_t position, uint32_t newest)
{
	struct timeline_epoch *epoch = &t->epochs[t->epochs_count++];

	epoch->position = position;
	epoch->newest = newest;
	for (uint32_t i = 0; i < TIMELINE_KINDS; i++) {
		epoch->offset[i] = t->clocks[i].offset;
	}
}

void timeline_release(struct timeline *t, uint64_t position)
{
	uint32_t over = 0;

	while (over + 1 < t->epochs_count && t->epochs[over + 1].position <= position) {
		over++;
	}
	if (over > 0) {
		t->epochs_count -= over;
		memmove(t->epochs, &t->epochs[over], t->epochs_count * sizeof(*t->epochs));
	}
}

/* NULL: before the first. */
static const struct timeline_epoch *epoch_at(const struct timeline *t, uint64_t position)
{
	uint32_t i = t->epochs_count;

	while (i > 0 && t->epochs[i - 1].position > position) {
		i--;
	}
	return i > 0 ? &t->epochs[i - 1] : NULL;
}

/* What comes in */

/*
 * A clock that began late would wrap within the life of the stream, soon: it is made to begin
 * early, with some room for what belongs before the first message.
 */
static void begin(struct timeline *t, const struct log_message *message)
{
	uint32_t timestamp = message->entry.timestamp;

	t->begun = has_time(&message->entry); /* headers may have another clock */
	if (timestamp + t->clocks[0].offset >= SOON_WRAPS && has_room(t)) {
		for (uint32_t i = 0; i < TIMELINE_KINDS; i++) {
			t->clocks[i].offset = TIMELINE_BEGIN_MS - timestamp;
		}
		begin_epoch(t, message->at.position, TIMELINE_BEGIN_MS - timestamp);
	}
}

/* How far ahead of the last message of its kind one may be that comes now. */
static int64_t farthest(const struct timeline_clock *clock, const struct abi_log_entry *entry)
{
	uint64_t us =
		entry->arrived_us > clock->arrived_us ? entry->arrived_us - clock->arrived_us : 0;

	return TIMELINE_FORWARD_MS + (int64_t)(us / US_PER_MS);
}

static bool fits(uint32_t time, uint32_t reference, int64_t ahead)
{
	int32_t step = (int32_t)(time - reference);

	return step >= -TIMELINE_JUMP_MS && step <= ahead;
}

/* The offset with which the clock goes on after a jump: the other's, if that one jumped before. */
static uint32_t offset_after(const struct timeline *t, uint32_t kind,
			     const struct abi_log_entry *entry)
{
	const struct timeline_clock *clock = &t->clocks[kind];
	const struct timeline_clock *other = &t->clocks[!kind];
	int64_t ahead = farthest(clock, entry);
	uint64_t passed = (uint64_t)ahead - TIMELINE_FORWARD_MS;
	uint32_t step = clock->step ? clock->step : STEP_UNSEEN;

	if (other->seen && fits(entry->timestamp + other->offset, t->high, ahead)) {
		return other->offset;
	}
	if (passed > step) {
		step = passed < TIMELINE_FORWARD_MS ? (uint32_t)passed : TIMELINE_FORWARD_MS;
	}
	return t->high + step - entry->timestamp;
}

/* The first to jump of audio and video is counted, the other one follows it. */
static void jump(struct timeline *t, uint32_t kind, const struct log_message *message)
{
	uint32_t offset = offset_after(t, kind, &message->entry);
	bool follows = t->clocks[!kind].seen && offset == t->clocks[!kind].offset;
	bool repaired = has_room(t);

	if (repaired || !t->repair) {
		t->clocks[kind].offset = offset;
	} else {
		t->high = message->entry.timestamp + t->clocks[kind].offset;
	}
	if (repaired) {
		begin_epoch(t, message->at.position, offset);
	}
	if (!follows) {
		count(&t->jumps);
		if (repaired) {
			count(&t->repaired);
		}
	}
}

static void tick(struct timeline *t, uint32_t kind, uint32_t timestamp)
{
	struct timeline_clock *clock = &t->clocks[kind];
	uint32_t step = timestamp - clock->last;

	if (step <= TIMELINE_JUMP_MS && step > 0) {
		clock->step = step;
	}
	/* Both wrap: counted is video, or audio alone. */
	if (timestamp < clock->last && step <= INT32_MAX &&
	    (kind == TIMELINE_VIDEO || !t->clocks[TIMELINE_VIDEO].seen)) {
		count(&t->wraps);
	}
}

/* Is the clock where it may be, by its own last message or by the other kind's? */
static bool is_on_time(const struct timeline *t, uint32_t kind, const struct abi_log_entry *entry)
{
	const struct timeline_clock *clock = &t->clocks[kind];

	return fits(entry->timestamp, clock->last, farthest(clock, entry)) ||
	       fits(entry->timestamp + clock->offset, t->high, TIMELINE_JUMP_MS);
}

static void raise(struct timeline *t, uint32_t time, bool first)
{
	int32_t ahead = (int32_t)(time - t->high);

	if (!first && ahead > TIMELINE_GAP_MS) {
		count(&t->gaps);
	}
	if (first || ahead > 0) {
		t->high = time;
	}
}

void timeline_take(struct timeline *t, const struct log_message *message)
{
	const struct abi_log_entry *entry = &message->entry;
	uint32_t kind = kind_of(entry);
	bool first = !t->clocks[TIMELINE_AUDIO].seen && !t->clocks[TIMELINE_VIDEO].seen;
	struct timeline_clock *clock;

	if (!t->begun) {
		begin(t, message);
	}
	if (!tells_time(entry)) {
		return;
	}
	clock = &t->clocks[kind];
	if (clock->seen && is_on_time(t, kind, entry)) {
		tick(t, kind, entry->timestamp);
	} else if (clock->seen) {
		jump(t, kind, message);
	} else if (!first) {
		clock->offset = t->clocks[!kind].offset;
	}
	raise(t, entry->timestamp + clock->offset, first);
	clock->last = entry->timestamp;
	clock->arrived_us = entry->arrived_us;
	clock->seen = true;
}

/* What goes out */

uint32_t timeline_map(const struct timeline *t, const struct log_message *message)
{
	const struct timeline_epoch *epoch = epoch_at(t, message->at.position);
	uint32_t kind = kind_of(&message->entry);
	uint32_t offset = 0;

	if (epoch) {
		offset = kind == KIND_NONE ? epoch->newest : epoch->offset[kind];
	}
	return message->entry.timestamp + offset;
}

uint32_t timeline_send(const struct timeline *t, const struct log_message *message, uint32_t *media)
{
	uint32_t time = timeline_map(t, message);

	if (has_time(&message->entry)) {
		*media = time;
	} else if (t->repair && !fits(time, *media, TIMELINE_JUMP_MS)) {
		time = *media;
	}
	return time;
}

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void timeline_status(const struct timeline *t, struct timeline_status *out)
{
	out->repair = t->repair;
	out->jumps = load(&t->jumps);
	out->repaired = load(&t->repaired);
	out->gaps = load(&t->gaps);
	out->wraps = load(&t->wraps);
}
