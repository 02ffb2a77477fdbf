#include "policy.h"

#include <string.h>

#include "admission.h"
#include "control.h"
#include "events.h"

static void judge(struct control *control, struct registry_stream *stream)
{
	const struct abi_stream *slot =
		dataplane_stream(&control->dataplane.workers[stream->worker], stream->slot);
	struct stream_insight insight;
	struct admission_sight sight = {
		.now_us = control->now_us,
		.bytes = atomic_load_explicit(&slot->bytes, memory_order_relaxed),
		.insight = &insight,
	};
	struct admission_verdict verdict;

	if (!relay_insight(control->workers[stream->worker].relay, stream->slot, stream->generation,
			   &insight)) {
		memset(&insight, 0, sizeof(insight));
	}
	if (admission_exceeded(&stream->app->admission, &stream->admission, &sight, &verdict) &&
	    events_end(control, stream, verdict.why, verdict.text)) {
		control_count(control, CONTROL_commands_delayed); /* the next look is soon */
	}
}

void policy_tick(struct control *control)
{
	struct registry_stream *stream;

	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		if (stream->phase == STREAM_LIVE && !stream->ending &&
		    admission_wanted(&stream->app->admission)) {
			judge(control, stream);
		}
	}
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		events_wake(&control->dataplane.workers[i]);
	}
}
