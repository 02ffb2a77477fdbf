#include "report_policy.h"

#include "clock.h"
#include "control.h"

json_t *report_drain_object(const struct control *control)
{
	const struct drain *drain = &control->drain;
	struct drain_left left = drain_left(control);
	char shown[DRAIN_TARGET_MAX];
	json_t *object;

	drain_target_show(shown, sizeof(shown), drain->target);
	object = json_pack("{s:b, s:s, s:i, s:i, s:i, s:i}", "active", drain_active(drain),
			   "target", shown, "streams", (int)left.streams, "asked", (int)left.asked,
			   "players", (int)left.players, "players_asked", (int)left.players_asked);

	if (drain_active(drain) && drain->until_us != DRAIN_NO_LIMIT) {
		uint64_t us =
			drain->until_us > control->now_us ? drain->until_us - control->now_us : 0;

		(void)json_object_set_new(object, "left_ms",
					  json_integer((json_int_t)(us / US_PER_MS)));
	}
	return object;
}

static json_t *reject_object(const struct control *control, const struct reject_record *r)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "ago_ms",
			 (json_int_t)((control->now_us - r->time_us) / US_PER_MS), "app", r->app,
			 "name", r->name, "peer", r->peer, "reason", rejects_word(r->why), "text",
			 r->text);
}

json_t *report_rejects_array(const struct control *control)
{
	const struct reject_record *r;
	json_t *array = json_array();

	for (uint32_t n = 0; (r = rejects_at(&control->rejects, n)) != NULL; n++) {
		(void)json_array_append_new(array, reject_object(control, r));
	}
	return array;
}

json_t *report_start_drain(struct control *control, const json_t *request, const char **error)
{
	const json_t *target = json_object_get(request, "target");
	const json_t *timeout = json_object_get(request, "timeout_ms");
	const char *url = target ? json_string_value(target) : "";
	json_int_t ms = timeout ? json_integer_value(timeout) : 1;

	if (!url || (target && !drain_target_valid(url))) {
		*error = "target is not rtmp://host[:port][/app]";
		return NULL;
	}
	if (ms <= 0 || ms > INT32_MAX) {
		*error = "timeout is not a number of seconds above 0";
		return NULL;
	}
	drain_start(control, url,
		    timeout ? control->now_us + (uint64_t)ms * US_PER_MS : DRAIN_NO_LIMIT);
	return report_drain_object(control);
}

json_t *report_stop_drain(struct control *control)
{
	drain_stop(control);
	return report_drain_object(control);
}
