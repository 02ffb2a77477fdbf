#include "rtmp/chunk_reader.h"
#include "rtmp/error.h"
#include "wire.h"

#include <string.h>

#define EXTENDED_MARK 0xffffffu

enum read_state {
	STATE_HEADER = 0, /* in a basic or message header, bytes so far in r->header */
	STATE_COMPARE,    /* after fmt 3, habit unknown: bytes that matched so far in r->header */
	STATE_PAYLOAD,    /* r->chunk_left bytes of stream r->current follow */
};

/* Beside enum rtmp_read and errors, steps of the machine say how to go on. */
enum step {
	STEP_ON = 100, /* next step on the same span */
	STEP_UNREAD,   /* bytes were put back: read those first */
};

enum habit {
	HABIT_UNKNOWN = 0,
	HABIT_REPEATED, /* as the specification says: fmt 3 repeats the extended timestamp */
	HABIT_OMITTED,  /* old librtmp */
};

/* Of r->extended_habit: librtmp had one habit here and the other there. */
enum habit_of { HABIT_CONTINUES = 0, HABIT_BEGINS = 1 };

static const uint8_t header_sizes[] = {11, 7, 3, 0};

void rtmp_chunk_reader_init(struct rtmp_chunk_reader *r, uint32_t message_max)
{
	memset(r, 0, sizeof(*r));
	r->chunk_size = RTMP_DEFAULT_CHUNK_SIZE;
	r->message_max = message_max;
	r->streams_max = RTMP_CHUNK_STREAMS;
}

static bool is_control(uint8_t type)
{
	return type >= RTMP_TYPE_SET_CHUNK_SIZE && type <= RTMP_TYPE_SET_PEER_BANDWIDTH;
}

static uint32_t basic_size(const uint8_t *h)
{
	uint8_t id = h[0] & 0x3f;

	return id > 1 ? 1 : 2 + id;
}

/* RTMP 1.0 section 5.3.1.1. Ids in longer forms than they need are taken as they are. */
static uint32_t basic_csid(const uint8_t *h)
{
	switch (h[0] & 0x3f) {
	case 0:
		return 64u + h[1];
	case 1:
		return 64u + h[1] + 256u * h[2];
	default:
		return h[0] & 0x3f;
	}
}

/* Slot of a chunk stream, or RTMP_CHUNK_STREAMS. */
static uint32_t find_slot(const struct rtmp_chunk_reader *r, uint32_t csid)
{
	if (csid < sizeof(r->slot_of)) {
		return r->slot_of[csid] ? r->slot_of[csid] - 1u : RTMP_CHUNK_STREAMS;
	}
	for (uint32_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		if (r->streams[i].seen && r->streams[i].msg.csid == csid) {
			return i;
		}
	}
	return RTMP_CHUNK_STREAMS;
}

/* A slot that was never used, else that whose last message began first of those that are idle. */
static uint32_t free_slot(const struct rtmp_chunk_reader *r)
{
	uint32_t found = RTMP_CHUNK_STREAMS;
	uint32_t age = 0;

	for (uint32_t i = 0; i < r->streams_max; i++) {
		const struct rtmp_chunk_stream *s = &r->streams[i];

		if (!s->seen) {
			return i;
		}
		if (!s->partial && r->begun - s->begun >= age) {
			age = r->begun - s->begun;
			found = i;
		}
	}
	return found;
}

static void forget(struct rtmp_chunk_reader *r, struct rtmp_chunk_stream *s)
{
	if (s->msg.csid < sizeof(r->slot_of)) {
		r->slot_of[s->msg.csid] = 0;
	}
	r->forgotten++;
	memset(s, 0, sizeof(*s));
}

/* Slot for a fresh chunk stream whose first chunk has format `fmt`. */
static int add_slot(struct rtmp_chunk_reader *r, uint32_t csid, uint8_t fmt)
{
	uint32_t slot = free_slot(r);
	struct rtmp_chunk_stream *s = &r->streams[slot % RTMP_CHUNK_STREAMS];

	if (fmt == 3) {
		return RTMP_ERR(CHUNK_HEADER);
	}
	if (slot == RTMP_CHUNK_STREAMS || (fmt != 0 && r->forgotten != 0)) {
		return RTMP_ERR(CHUNK_STREAMS);
	}
	if (s->seen) {
		forget(r, s);
	}
	s->seen = true;
	s->msg.csid = csid;
	if (csid < sizeof(r->slot_of)) {
		r->slot_of[csid] = (uint8_t)(slot + 1);
	}
	r->current = slot;
	return 0;
}

static uint8_t *habit_of(struct rtmp_chunk_reader *r, const struct rtmp_chunk_stream *s)
{
	return &r->extended_habit[s->partial ? HABIT_CONTINUES : HABIT_BEGINS];
}

/* Size of a fmt 3 header: without the extended timestamp while the habit is unknown. */
static uint32_t fmt3_size(struct rtmp_chunk_reader *r, const uint8_t *h)
{
	uint32_t slot = find_slot(r, basic_csid(h));
	const struct rtmp_chunk_stream *s = &r->streams[slot % RTMP_CHUNK_STREAMS];
	bool extended = slot < RTMP_CHUNK_STREAMS && s->has_extended;

	return basic_size(h) + (extended && *habit_of(r, s) == HABIT_REPEATED ? 4 : 0);
}

/* Size of the header that begins at `h`, as far as `have` bytes tell; complete when <= have. */
static uint32_t header_size(struct rtmp_chunk_reader *r, const uint8_t *h, uint32_t have)
{
	uint32_t basic, size;

	if (have == 0) {
		return 1;
	}
	basic = basic_size(h);
	size = basic + header_sizes[h[0] >> 6];
	if (have < size) {
		return size;
	}
	if (h[0] >> 6 == 3) {
		return fmt3_size(r, h);
	}
	return size + (rtmp_get_be24(h + basic) == EXTENDED_MARK ? 4 : 0);
}

/* Refuses a message by its header, before any of it is kept. */
static int check_message(const struct rtmp_chunk_reader *r, const struct rtmp_message *msg)
{
	if (is_control(msg->type)) {
		uint32_t least = msg->type == RTMP_TYPE_USER_CONTROL ? 2 : 4;

		return msg->length < least || msg->length > RTMP_CONTROL_MAX ? RTMP_ERR(CONTROL)
									     : 0;
	}
	return msg->length > r->message_max ? RTMP_ERR(MESSAGE_SIZE) : 0;
}

static int begin_message(struct rtmp_chunk_reader *r, struct rtmp_chunk_stream *s)
{
	s->begun = ++r->begun;
	s->partial = true;
	s->received = 0;
	return check_message(r, &s->msg);
}

static void begin_chunk(struct rtmp_chunk_reader *r)
{
	const struct rtmp_chunk_stream *s = &r->streams[r->current];
	uint32_t left = s->msg.length - s->received;

	r->chunk_left = left < r->chunk_size ? left : r->chunk_size;
	r->header_len = 0;
	r->state = STATE_PAYLOAD;
}

/*
 * A delta just below 2^24 without extended timestamp is a negative one that the encoder cut to 24
 * bits: the alternative is a pause of four and a half hours to within a minute. But ffmpeg sends
 * sequence headers at 0 and then its first frame, whatever its time: nothing goes back behind 0.
 */
static uint32_t widen_delta(const struct rtmp_chunk_stream *s, uint32_t delta)
{
	bool negative = !s->has_extended && delta >= 0xff0000u;

	return negative && s->msg.timestamp >= (1u << 24) - delta ? delta | 0xff000000u : delta;
}

/* fmt 1 or 2 in the middle of a message repeats its header: its delta must not count twice. */
static int check_repeated(const struct rtmp_chunk_stream *s, uint8_t fmt, const uint8_t *p)
{
	if (fmt == 0) {
		return RTMP_ERR(CHUNK_HEADER);
	}
	if (fmt == 1 && (rtmp_get_be24(p + 3) != s->msg.length || p[6] != s->msg.type)) {
		return RTMP_ERR(CHUNK_HEADER);
	}
	return 0;
}

/*
 * fmt 3 after fmt 0 would add the timestamp of the fmt 0 by the letter of section 5.3.1.2.4; we add
 * nothing, because those who send it (GStreamer) mean "same time", as other servers read it.
 */
static void set_message(struct rtmp_chunk_stream *s, uint8_t fmt, const uint8_t *p, uint32_t time)
{
	if (fmt == 0) {
		s->msg.timestamp = time;
		s->delta = 0;
		s->msg.stream_id = rtmp_get_le32(p + 7);
	} else {
		s->delta = widen_delta(s, time);
		s->msg.timestamp += s->delta;
	}
	if (fmt <= 1) {
		s->msg.length = rtmp_get_be24(p + 3);
		s->msg.type = p[6];
	}
}

/* Message header of fmt 0 to 2 at `p` (RTMP 1.0 sections 5.3.1.2.1 to 5.3.1.2.3). */
static int apply_header(struct rtmp_chunk_reader *r, struct rtmp_chunk_stream *s, uint8_t fmt,
			const uint8_t *p)
{
	uint32_t time = rtmp_get_be24(p);

	s->has_extended = time == EXTENDED_MARK;
	if (s->has_extended) {
		time = rtmp_get_be32(p + header_sizes[fmt]);
		s->extended = time;
	}
	if (s->partial) {
		return check_repeated(s, fmt, p);
	}
	set_message(s, fmt, p, time);
	return begin_message(r, s);
}

static int apply_fmt3(struct rtmp_chunk_reader *r, struct rtmp_chunk_stream *s)
{
	if (s->partial) {
		return 0;
	}
	s->msg.timestamp += s->delta;
	return begin_message(r, s);
}

/* Acts on the complete header at `h`. */
static int take_header(struct rtmp_chunk_reader *r, const uint8_t *h)
{
	uint32_t csid = basic_csid(h);
	uint8_t fmt = h[0] >> 6;
	struct rtmp_chunk_stream *s;
	bool compare;
	int rc;

	r->chunks++;
	r->current = find_slot(r, csid);
	if (r->current == RTMP_CHUNK_STREAMS) {
		rc = add_slot(r, csid, fmt);
		if (rc < 0) {
			return rc;
		}
	}
	s = &r->streams[r->current];
	compare = fmt == 3 && s->has_extended && *habit_of(r, s) == HABIT_UNKNOWN;
	r->compare_begins = !s->partial;
	rc = fmt == 3 ? apply_fmt3(r, s) : apply_header(r, s, fmt, h + basic_size(h));
	if (rc < 0) {
		return rc;
	}
	begin_chunk(r);
	if (compare) {
		r->state = STATE_COMPARE;
	}
	return STEP_ON;
}

static void advance(struct rtmp_span *in, uint32_t n)
{
	in->data += n;
	in->len -= n;
}

static int read_header(struct rtmp_chunk_reader *r, struct rtmp_span *in)
{
	uint32_t size, n;

	if (r->header_len == 0 && in->len >= RTMP_CHUNK_HEADER_MAX) {
		const uint8_t *h = in->data;

		advance(in, header_size(r, h, RTMP_CHUNK_HEADER_MAX));
		return take_header(r, h);
	}
	for (;;) {
		size = header_size(r, r->header, r->header_len);
		if (size <= r->header_len) {
			return take_header(r, r->header);
		}
		if (in->len == 0) {
			return RTMP_READ_MORE;
		}
		n = size - r->header_len < in->len ? size - r->header_len : in->len;
		memcpy(r->header + r->header_len, in->data, n);
		r->header_len = (uint8_t)(r->header_len + n);
		advance(in, n);
	}
}

static bool matches(const struct rtmp_chunk_reader *r, uint32_t expected, uint8_t next)
{
	uint8_t bytes[4];

	rtmp_set_be32(bytes, expected);
	return memcmp(bytes, r->header, r->header_len) == 0 && bytes[r->header_len] == next;
}

/* Puts back what STATE_COMPARE took: `taken` bytes of this span, the others of earlier ones. */
static int put_back(struct rtmp_chunk_reader *r, struct rtmp_span *in, uint32_t taken)
{
	in->data -= taken;
	in->len += taken;
	r->unread_at = 0;
	r->unread_len = (uint8_t)(r->header_len - taken);
	memcpy(r->unread, r->header, r->unread_len);
	begin_chunk(r);
	return r->unread_len != 0 ? STEP_UNREAD : STEP_ON;
}

/*
 * Is what follows the fmt 3 the extended timestamp? Senders repeat the field, or the timestamp of
 * the message where the field was a delta. One byte at a time: the last byte of a connection's
 * burst must not be withheld when it can already be told from a timestamp.
 */
static int compare_extended(struct rtmp_chunk_reader *r, struct rtmp_span *in)
{
	const struct rtmp_chunk_stream *s = &r->streams[r->current];
	uint8_t *habit = &r->extended_habit[r->compare_begins ? HABIT_BEGINS : HABIT_CONTINUES];
	uint32_t taken = 0;

	while (r->header_len < 4) {
		if (in->len == 0) {
			return RTMP_READ_MORE;
		}
		if (!matches(r, s->extended, *in->data) &&
		    !matches(r, s->msg.timestamp, *in->data)) {
			*habit = HABIT_OMITTED;
			return put_back(r, in, taken);
		}
		r->header[r->header_len++] = *in->data;
		advance(in, 1);
		taken++;
	}
	*habit = HABIT_REPEATED;
	begin_chunk(r);
	return STEP_ON;
}

/* Accounts for `n` payload bytes; true when the message is complete. */
static bool take_payload(struct rtmp_chunk_reader *r, struct rtmp_span *in, uint32_t n)
{
	struct rtmp_chunk_stream *s = &r->streams[r->current];

	advance(in, n);
	r->chunk_left -= n;
	s->received += n;
	if (r->chunk_left == 0) {
		r->state = STATE_HEADER;
	}
	if (s->received < s->msg.length) {
		return false;
	}
	s->partial = false;
	return true;
}

/* Abort (RTMP 1.0 section 5.4.2): the slot whose partial message is void. */
static uint32_t abort_message(struct rtmp_chunk_reader *r, uint32_t csid)
{
	uint32_t slot = find_slot(r, csid);

	if (slot == RTMP_CHUNK_STREAMS || !r->streams[slot].partial) {
		return RTMP_CHUNK_STREAMS;
	}
	r->streams[slot].partial = false;
	return slot;
}

/* Acts on a complete control message and hands it on. */
static int take_control(struct rtmp_chunk_reader *r, struct rtmp_control *control)
{
	const struct rtmp_chunk_stream *s = &r->streams[r->current];
	bool user = s->msg.type == RTMP_TYPE_USER_CONTROL;

	*control = (struct rtmp_control){
		.type = s->msg.type,
		.event = user ? (uint16_t)rtmp_get_be16(s->control) : 0,
		.value = rtmp_get_be32(s->control + (user ? 2 : 0)),
		.limit = user ? 0 : s->control[4],
		.aborted = RTMP_CHUNK_STREAMS,
	};
	if (control->type == RTMP_TYPE_SET_CHUNK_SIZE) {
		if (control->value == 0 || control->value > 0x7fffffffu) {
			return RTMP_ERR(CHUNK_SIZE);
		}
		r->chunk_size = control->value;
	} else if (control->type == RTMP_TYPE_ABORT) {
		control->aborted = abort_message(r, control->value);
	}
	return RTMP_READ_CONTROL;
}

static int read_control(struct rtmp_chunk_reader *r, struct rtmp_span *in, uint32_t n,
			struct rtmp_control *control)
{
	struct rtmp_chunk_stream *s = &r->streams[r->current];
	uint32_t kept = s->received;

	if (kept == 0) {
		memset(s->control, 0, sizeof(s->control));
	}
	if (kept < sizeof(s->control)) {
		uint32_t room = (uint32_t)sizeof(s->control) - kept;

		memcpy(s->control + kept, in->data, n < room ? n : room);
	}
	return take_payload(r, in, n) ? take_control(r, control) : STEP_ON;
}

static int read_payload(struct rtmp_chunk_reader *r, struct rtmp_span *in, struct rtmp_piece *piece,
			struct rtmp_control *control)
{
	const struct rtmp_chunk_stream *s = &r->streams[r->current];
	uint32_t n = r->chunk_left < in->len ? r->chunk_left : in->len;

	if (n == 0 && r->chunk_left != 0) {
		return RTMP_READ_MORE;
	}
	if (is_control(s->msg.type)) {
		return read_control(r, in, n, control);
	}
	*piece = (struct rtmp_piece){
		.msg = &s->msg,
		.data = n != 0 ? in->data : NULL,
		.len = n,
		.slot = r->current,
		.first = s->received == 0,
	};
	piece->last = take_payload(r, in, n);
	return RTMP_READ_PIECE;
}

static int read_span(struct rtmp_chunk_reader *r, struct rtmp_span *in, struct rtmp_piece *piece,
		     struct rtmp_control *control)
{
	int rc;

	do {
		switch (r->state) {
		case STATE_HEADER:
			rc = read_header(r, in);
			break;
		case STATE_COMPARE:
			rc = compare_extended(r, in);
			break;
		default:
			rc = read_payload(r, in, piece, control);
			break;
		}
	} while (rc == STEP_ON);
	return rc;
}

/*
 * Reads what was put back. It cannot be put back a second time from here: put_back() keeps only
 * bytes of earlier spans, and nothing came before these that was not decided.
 */
static int read_unread(struct rtmp_chunk_reader *r, struct rtmp_piece *piece,
		       struct rtmp_control *control)
{
	struct rtmp_span again = {.data = r->unread + r->unread_at, .len = r->unread_len};
	int rc = read_span(r, &again, piece, control);

	r->unread_at = (uint8_t)(r->unread_at + r->unread_len - again.len);
	r->unread_len = (uint8_t)again.len;
	if (rc == RTMP_READ_PIECE) {
		piece->copied = true;
	}
	return rc;
}

int rtmp_chunk_reader_next(struct rtmp_chunk_reader *r, struct rtmp_span *in,
			   struct rtmp_piece *piece, struct rtmp_control *control)
{
	int rc = RTMP_READ_MORE;

	do {
		if (r->unread_len != 0) {
			rc = read_unread(r, piece, control);
			if (rc != RTMP_READ_MORE) {
				return rc;
			}
		}
		rc = read_span(r, in, piece, control);
	} while (rc == STEP_UNREAD);
	return rc;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Whether fmt 3 of the chunk stream under way is one byte that says nothing new. */
static bool continues(const struct rtmp_chunk_reader *r, const struct rtmp_chunk_stream *s)
{
	return r->state == STATE_HEADER && r->unread_len == 0 && s->partial && !s->has_extended;
}

bool rtmp_chunk_reader_run(struct rtmp_chunk_reader *r, struct rtmp_span *in, uint32_t chunk_max,
			   struct rtmp_run *run)
{
	struct rtmp_chunk_stream *s = &r->streams[r->current];
	uint32_t left = s->msg.length - s->received;
	uint32_t header = 0xc0u + s->msg.csid; /* no byte when the csid takes more than one */
	uint32_t cut = 0;
	const uint8_t *end = in->data + in->len;
	uint8_t *at = in->data;

	if (r->chunk_size > chunk_max || !continues(r, s)) {
		return false;
	}
	*run = (struct rtmp_run){.data = at, .chunk_size = r->chunk_size};
	while (left > 0 && end - at > 1 && *at == header) {
		uint32_t whole = least(left, r->chunk_size);
		uint32_t n = least(whole, (uint32_t)(end - at) - 1);

		cut = whole - n;
		left -= n;
		at += 1 + n;
		run->chunks++;
	}
	run->len = (uint32_t)(at - in->data) - run->chunks;
	run->last = left == 0;
	r->chunk_left = cut;
	r->state = cut > 0 ? STATE_PAYLOAD : STATE_HEADER;
	s->received += run->len;
	r->chunks += run->chunks;
	s->partial = !run->last;
	advance(in, run->len + run->chunks);
	return run->chunks > 0;
}
