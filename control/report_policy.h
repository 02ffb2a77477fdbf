/*
 * Draining and rejects, as the control socket gives them out and takes them.
 */
#ifndef REPORT_POLICY_H
#define REPORT_POLICY_H

#include <jansson.h>

struct control;

/* {"active":, "target":, "left_ms":, "streams":, "asked":, "players":, "players_asked":}; left_ms
 * is missing without a limit. */
json_t *report_drain_object(const struct control *control);

/* The last rejects, the latest first. */
json_t *report_rejects_array(const struct control *control);

/* {"target":"rtmp://...", "timeout_ms":N}, both optional. NULL and an error when it is not good. */
json_t *report_start_drain(struct control *control, const json_t *request, const char **error);
json_t *report_stop_drain(struct control *control);

#endif
