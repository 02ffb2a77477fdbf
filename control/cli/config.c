/*
 * penstockctl config check FILE: what the two processes would say of it, without either of them.
 */
#include "commands.h"

#include "config/config.h"

#include <string.h>

static void show(const struct command *command, const struct invocation *inv, const char *error)
{
	json_t *value = json_pack("{s:s, s:b, s:s*}", "file", inv->file, "good", error == NULL,
				  "error", error);

	if (value == NULL) { /* a file name that is not UTF-8 */
		value = json_pack("{s:b}", "good", error == NULL);
	}
	inv->output->show[command->view](stdout, value, &inv->options);
	json_decref(value);
}

enum client_status command_config(const struct command *command, struct invocation *inv)
{
	struct config_error error;
	struct config *config;

	if (strcmp(inv->argument, "check") != 0) {
		snprintf(inv->client.error, sizeof(inv->client.error),
			 "config knows nothing but check (see --help)");
		return CLIENT_USAGE;
	}
	if (config_load(inv->file, &config, &error) != 0) {
		/* Word for word what the daemons say, for editors that jump to FILE:LINE. */
		fprintf(stderr, "%s\n", error.text);
		show(command, inv, error.text);
		return CLIENT_REFUSED;
	}
	config_free(config);
	show(command, inv, NULL);
	return CLIENT_OK;
}
