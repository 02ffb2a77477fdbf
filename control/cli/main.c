/*
 * penstockctl: the operator's view of a running edge, over control's unix socket; and of its
 * configuration, without.
 */
#include "escape.h"
#include "options.h"

int main(int argc, char *argv[])
{
	struct cli_options options;

	escape_init();
	int rc = options_parse(&options, argc, argv);
	if (rc != 0) {
		return rc < 0 ? CLIENT_USAGE : CLIENT_OK;
	}
	enum client_status status = options.command->run(options.command, &options.invocation);
	if (status != CLIENT_OK && options.invocation.client.error[0] != '\0') {
		fprintf(stderr, "penstockctl: %s\n", options.invocation.client.error);
	}
	if (fflush(stdout) != 0 && status == CLIENT_OK) {
		perror("penstockctl: standard output");
		return CLIENT_REFUSED;
	}
	return (int)status;
}
