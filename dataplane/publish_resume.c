#include "dataplane/publish_resume.h"

#include <string.h>

void publish_resume_clear(struct publish_resume *resume)
{
	memset(resume, 0, sizeof(*resume));
}

uint32_t publish_resume_take(struct publish_resume *resume, struct abi_resume *from,
			     uint64_t generation, uint64_t head)
{
	uint32_t refused = 0;

	/* Pairs with the release of the relay thread, which wrote the entries before. */
	if (atomic_load_explicit(&from->generation, memory_order_acquire) != generation) {
		return 0;
	}
	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		/* The owner first: it is written after a position of 0, before the next real one.
		 */
		uint64_t origin =
			atomic_load_explicit(&from->origins[i].origin, memory_order_acquire);
		uint64_t position =
			atomic_load_explicit(&from->origins[i].position, memory_order_relaxed);

		if (position > head) {
			refused += origin != 0;
			position = 0;
		}
		resume->origins[i].origin = origin;
		resume->origins[i].position = position;
	}
	return refused;
}

void publish_resume_give(const struct publish_resume *resume, struct abi_resume *to,
			 uint64_t generation, uint64_t tail)
{
	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		uint64_t origin = resume->origins[i].origin;
		uint64_t position = resume->origins[i].position;

		if (origin != 0) {
			position = position > tail ? position : tail;
			atomic_store_explicit(&to->origins[i].position, position,
					      memory_order_relaxed);
			atomic_store_explicit(&to->origins[i].origin, origin, memory_order_relaxed);
		}
	}
	atomic_store_explicit(&to->generation, generation, memory_order_relaxed);
}
