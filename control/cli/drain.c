#include "commands.h"

enum client_status command_drain(const struct command *command, struct invocation *inv)
{
	json_t *request = json_pack("{s:s}", "command", command->name);
	json_t *reply;

	if (inv->target != NULL) {
		(void)json_object_set_new(request, "target", json_string(inv->target));
	}
	if (inv->timeout_s != 0) {
		(void)json_object_set_new(request, "timeout_ms",
					  json_integer((json_int_t)inv->timeout_s * 1000));
	}
	enum client_status status = client_ask(&inv->client, request, &reply);
	if (status != CLIENT_OK) {
		return status;
	}
	inv->output->show[command->view](stdout, json_object_get(reply, command->name),
					 &inv->options);
	json_decref(reply);
	return CLIENT_OK;
}
