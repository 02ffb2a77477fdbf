#include "positions.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

static_assert(CONFIG_ORIGINS_MAX <= ABI_ORIGINS_MAX, "each origin has an entry");

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/*
 * Killed after it, this process has written what stands before it in the program: release is how
 * the compiler is told to keep that order.
 */
static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

/* FNV-1a; the NUL at the end is part of it, so that "a" and "bc" are not "ab" and "c". */
static uint64_t hash(uint64_t state, const char *text)
{
	do {
		state = (state ^ (uint8_t)*text) * FNV_PRIME;
	} while (*text++);
	return state;
}

uint64_t positions_key(const struct config_origin *origin)
{
	uint64_t key = hash(FNV_OFFSET, origin->host);

	key = (key ^ (origin->port & 0xffu)) * FNV_PRIME;
	key = (key ^ (uint64_t)(origin->port >> 8)) * FNV_PRIME;
	key = hash(key, origin->app);
	key = hash(key, origin->name ? origin->name : "");
	return key ? key : 1;
}

/* The lowest of those that bear the key: of two that are not to be told apart, no one loses. */
static uint64_t find(const struct abi_resume *shared, uint64_t key, uint64_t head)
{
	uint64_t lowest = UINT64_MAX;

	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		uint64_t position = load(&shared->origins[i].position);

		if (load(&shared->origins[i].origin) == key && position < lowest) {
			lowest = position;
		}
	}
	return lowest <= head ? lowest : 0;
}

/* Entry of `key` (0: a free one) that is not used yet; ABI_ORIGINS_MAX: there is none. */
static uint32_t unused(const struct abi_resume *shared, const bool *used, uint64_t key)
{
	uint32_t i = 0;

	while (i < ABI_ORIGINS_MAX && (used[i] || load(&shared->origins[i].origin) != key)) {
		i++;
	}
	return i;
}

/* A free entry, or else one of an origin that is no more: as many as there may be origins. */
static uint32_t take_entry(struct abi_resume *shared, const bool *used, uint64_t key)
{
	uint32_t i = unused(shared, used, 0);

	if (i == ABI_ORIGINS_MAX) {
		for (i = 0; used[i]; i++) {
		}
	}
	store(&shared->origins[i].position, 0);
	store(&shared->origins[i].origin, key);
	return i;
}

/* Those that have an entry keep it: nothing of them is ever written out of place. */
static void assign(struct positions *positions, uint32_t count)
{
	bool used[ABI_ORIGINS_MAX] = {false};

	for (uint32_t i = 0; i < count; i++) {
		uint32_t entry = unused(positions->shared, used, positions->origins[i].key);

		positions->origins[i].entry = entry;
		if (entry < ABI_ORIGINS_MAX) {
			used[entry] = true;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		if (positions->origins[i].entry == ABI_ORIGINS_MAX) {
			uint32_t entry =
				take_entry(positions->shared, used, positions->origins[i].key);

			positions->origins[i].entry = entry;
			used[entry] = true;
		}
	}
}

static void clear(struct abi_resume *shared)
{
	store(&shared->generation, 0);
	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		store(&shared->origins[i].position, 0);
		store(&shared->origins[i].origin, 0);
	}
}

static _Atomic uint64_t *entry_of(const struct positions *positions, uint32_t origin)
{
	return &positions->shared->origins[positions->origins[origin].entry].position;
}

void positions_open(struct positions *positions, struct abi_resume *shared, uint64_t generation,
		    uint64_t head, const struct config_origin *origins, uint32_t count)
{
	assert(count <= ABI_ORIGINS_MAX);
	memset(positions, 0, sizeof(*positions));
	positions->shared = shared;
	positions->generation = generation;
	if (load(&shared->generation) != generation) {
		clear(shared);
	}
	for (uint32_t i = 0; i < count; i++) {
		positions->origins[i].key = positions_key(&origins[i]);
		positions->origins[i].position = find(shared, positions->origins[i].key, head);
	}
	assign(positions, count);
	for (uint32_t i = 0; i < count; i++) {
		store(entry_of(positions, i), positions->origins[i].position);
	}
	store(&shared->generation, generation);
}

void positions_store(struct positions *positions, uint32_t origin, uint64_t position)
{
	if (positions->origins[origin].position == position ||
	    load(&positions->shared->generation) != positions->generation) {
		return;
	}
	positions->origins[origin].position = position;
	store(entry_of(positions, origin), position);
}
