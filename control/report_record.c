#include "report_record.h"

#include "control.h"
#include "relay/recorder.h"
#include "report_stream.h"

static uint32_t recorders(const struct control *control)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		count += relay_recorders(control->workers[i].relay);
	}
	return count;
}

const char *report_start_recording(struct control *control, const json_t *request)
{
	const struct registry_stream *stream = report_find(control, request);
	int fd;

	if (!stream || stream->phase != STREAM_LIVE) {
		return "no such stream";
	}
	if (recorders(control) >= RECORDERS_MAX) {
		return "there are enough recordings";
	}
	fd = api_take(&control->api);
	/* Without memory there is nobody to tell: the client sees its socket closed. */
	(void)!relay_record(control->workers[stream->worker].relay, stream->slot,
			    stream->generation, fd);
	return NULL;
}
