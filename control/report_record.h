/*
 * Recordings, as the control socket takes them on (relay/recorder.h).
 */
#ifndef REPORT_RECORD_H
#define REPORT_RECORD_H

#include <jansson.h>

struct control;

/*
 * {"name":"app/name"}. NULL: the socket of the client is the relay's now, and so is the answer; or
 * why there is no recording.
 */
const char *report_start_recording(struct control *control, const json_t *request);

#endif
