/*
 * References to payload across processes: one 64-bit word each, never a pointer.
 *
 *	bits 56-63  region: worker whose packet memory holds the segment
 *	bits 28-55  segment: offset of its struct rte_mbuf from the start of the region, in 64 B
 *	bits 14-27  start: offset of the first byte from the struct rte_mbuf, bytes
 *	bits  0-13  length, bytes
 *
 * The dataplane finds the mbuf to give back in the word itself; control, which knows nothing of
 * mbufs, adds segment * 64 + start to the address at which it mapped the region, after checking
 * the sum against the size of the mapping. 0 is no reference: a real one has start > 0.
 */
#ifndef ABI_REF_H
#define ABI_REF_H

#include <assert.h>
#include <stdint.h>

#define ABI_REF_REGION_BITS  8
#define ABI_REF_SEGMENT_BITS 28
#define ABI_REF_START_BITS   14
#define ABI_REF_LENGTH_BITS  14

static_assert(ABI_REF_REGION_BITS + ABI_REF_SEGMENT_BITS + ABI_REF_START_BITS +
			      ABI_REF_LENGTH_BITS ==
		      64,
	      "a reference is one word");

#define ABI_REGIONS_MAX     (1u << ABI_REF_REGION_BITS)
#define ABI_SEGMENT_ALIGN   64u
#define ABI_PACKET_SIZE_MAX ((uint64_t)ABI_SEGMENT_ALIGN << ABI_REF_SEGMENT_BITS) /* 16 GiB */
#define ABI_REF_LENGTH_MAX  ((1u << ABI_REF_LENGTH_BITS) - 1)

static inline uint64_t abi_ref_make(uint32_t region, uint64_t segment_offset, uint32_t start,
				    uint32_t length)
{
	return (uint64_t)region << 56 | (segment_offset / ABI_SEGMENT_ALIGN) << 28 |
	       (uint64_t)start << 14 | length;
}

static inline uint32_t abi_ref_region(uint64_t ref)
{
	return (uint32_t)(ref >> 56);
}

/* Offset of the struct rte_mbuf from the start of the region, bytes. */
static inline uint64_t abi_ref_segment(uint64_t ref)
{
	return (ref >> 28 & ((1u << ABI_REF_SEGMENT_BITS) - 1)) * (uint64_t)ABI_SEGMENT_ALIGN;
}

/* Offset of the payload from the start of the region, bytes. */
static inline uint64_t abi_ref_offset(uint64_t ref)
{
	return abi_ref_segment(ref) + (ref >> 14 & ((1u << ABI_REF_START_BITS) - 1));
}

static inline uint32_t abi_ref_length(uint64_t ref)
{
	return (uint32_t)(ref & ABI_REF_LENGTH_MAX);
}

#endif
