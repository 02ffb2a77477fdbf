/*
 * The media log: complete RTMP messages of one publication, in order, by reference.
 *
 * A log is a sequence of 32-byte units, addressed by a 64-bit position that counts units since the
 * publication began and never wraps. Units live in blocks of 128 taken from the worker's pool on
 * demand; unit `pos` stands at index pos % 128 of the (pos / 128)-th block of the chain, and
 * abi_pub.block_next[] of a block names the one after it. A
 * log without messages has no block yet: abi_stream.first_block means something once head > 0.
 *
 * A message is one entry unit followed by its slices, four to a unit, the last unit padded with 0.
 *
 * One producer (the worker that owns the publisher's connection), one consumer in control (the
 * relay thread of that worker):
 *
 *   producer: writes units and block_next[], then stores abi_stream.head with release.
 *   consumer: loads head with acquire; what lies below it is complete and does not change.
 *   consumer: when it will not look at units below a position again, stores that position to
 *             abi_sub.tail[] with release.
 *   producer: loads that tail with acquire, accepts it only if old <= new <= head, then gives back
 *             the references and blocks below it. A tail in the middle of a message is harmless:
 *             units are given back one by one.
 */
#ifndef ABI_LOG_H
#define ABI_LOG_H

#include <assert.h>
#include <stdint.h>

#define ABI_LOG_UNIT        32u
#define ABI_LOG_BLOCK_UNITS 128u
#define ABI_LOG_SLICES      4u /* in a unit */
#define ABI_LOG_NO_BLOCK    UINT32_MAX

/* Flags 0 to 4 are those of rtmp_classify(). */
enum abi_log_flags {
	ABI_LOG_KEYFRAME = 1 << 0,
	ABI_LOG_SEQUENCE_HEADER = 1 << 1,
	ABI_LOG_METADATA = 1 << 2,
	ABI_LOG_DROPPABLE = 1 << 3,
	ABI_LOG_TRACKS = 1 << 4, /* several tracks in one message (Enhanced RTMP) */
	ABI_LOG_ENTRY = 1 << 7,  /* set in every entry: a reader that lost its place finds out */
};

/*
 * What a decoder needs before the first keyframe, in the order in which it takes them. A stream has
 * one of each kind for each track. Values are those of rtmp_classify().
 */
enum abi_header_kind {
	ABI_HEADER_NONE = 0,
	ABI_HEADER_METADATA,   /* onMetaData */
	ABI_HEADER_VIDEO,      /* video sequence header */
	ABI_HEADER_AUDIO,      /* audio sequence header */
	ABI_HEADER_CHANNELS,   /* Enhanced RTMP audio multichannel configuration */
	ABI_HEADER_VIDEO_META, /* Enhanced RTMP video metadata (colour information) */
	ABI_HEADER_KINDS
};

struct abi_log_entry {
	uint32_t length;     /* bytes of payload: the sum of the slices */
	uint32_t slices;     /* references that follow */
	uint32_t timestamp;  /* ms */
	uint8_t type;        /* RTMP message type */
	uint8_t flags;       /* enum abi_log_flags */
	uint8_t header;      /* enum abi_header_kind */
	uint8_t track;       /* of Enhanced RTMP, 0 without; of several the first one */
	uint64_t number;     /* of the message within the publication, from 0 */
	uint64_t arrived_us; /* dataplane clock (CLOCK_MONOTONIC) when its last byte was read */
};

union abi_log_unit {
	struct abi_log_entry entry;
	uint64_t slices[ABI_LOG_SLICES]; /* abi/ref.h */
};

struct abi_log_block {
	union abi_log_unit units[ABI_LOG_BLOCK_UNITS];
};

static_assert(sizeof(struct abi_log_entry) == ABI_LOG_UNIT, "entry is one unit");
static_assert(sizeof(union abi_log_unit) == ABI_LOG_UNIT, "unit");
static_assert(sizeof(struct abi_log_block) == 4096, "block is a page");

/* Units that a message with so many slices takes. */
static inline uint64_t abi_log_units(uint64_t slices)
{
	return 1 + (slices + ABI_LOG_SLICES - 1) / ABI_LOG_SLICES;
}

#endif
