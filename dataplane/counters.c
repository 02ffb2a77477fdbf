#include "dataplane/counters.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "abi/pub.h"
#include "rtmp/error.h"
#include "rtmp/note.h"
#include "tcpstack/counters.h"

struct description {
	const char *name;
	const char *text;
};

/* In the order of publishing. Counters of the stack stand with their own prefix. */
static const struct description descriptions[] = {
#define DESCRIBE(name, text) {#name, text},
	DP_COUNTERS(DESCRIBE)
#undef DESCRIBE
#define DESCRIBE(name, text) {"tcp_" #name, text},
		TCP_COUNTERS(DESCRIBE)
#undef DESCRIBE
#define DESCRIBE(name, counter, sentence) {counter, sentence},
			RTMP_ERRORS(DESCRIBE) RTMP_NOTES(DESCRIBE)
#undef DESCRIBE
};

#define COUNTERS      (sizeof(descriptions) / sizeof(descriptions[0]))
#define RTMP_COUNTERS ((uint32_t)RTMP_ERROR_COUNT - 1)

static_assert(COUNTERS <= ABI_COUNTERS_MAX, "counters fit the layout of pub");

uint32_t dp_counters_describe(struct abi_counter *out, uint32_t max)
{
	uint32_t count = max < COUNTERS ? max : (uint32_t)COUNTERS;

	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(out[i].name, sizeof(out[i].name), "%s", descriptions[i].name);
		(void)snprintf(out[i].text, sizeof(out[i].text), "%s", descriptions[i].text);
	}
	return count;
}

static void publish(_Atomic uint64_t *to, const uint64_t *from, uint32_t count)
{
	for (uint32_t i = 0; from != NULL && i < count; i++) {
		atomic_store_explicit(&to[i], from[i], memory_order_relaxed);
	}
}

void dp_counters_publish(struct abi_pub *pub, const struct dp_counters *counters,
			 const uint64_t *tcp, const uint64_t *rtmp, const uint64_t *notes)
{
	_Atomic uint64_t *to = pub->counter;

	publish(to, counters->value, DP_COUNTER_COUNT);
	to += DP_COUNTER_COUNT;
	publish(to, tcp, TCP_COUNTER_COUNT);
	to += TCP_COUNTER_COUNT;
	publish(to, rtmp, RTMP_COUNTERS);
	to += RTMP_COUNTERS;
	publish(to, notes, RTMP_NOTE_COUNT);
}
