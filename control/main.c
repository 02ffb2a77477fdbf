/*
 * penstock-control: decides what may be published and takes it to the origins. It starts before or
 * after penstock-dataplane, and can be killed and started again at any moment.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "control.h"
#include "journal.h"
#include "privileges.h"

static const char usage[] =
	"usage: penstock-control -c FILE\n"
	"\n"
	"  -c, --config FILE   configuration (YAML), the same as the dataplane's\n"
	"      --inject        take requests for faults (tests of the heartbeat)\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n";

enum parsed { PARSED_RUN, PARSED_DONE, PARSED_WRONG };

static enum parsed parse(int argc, char **argv, const char **file, bool *inject)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"inject", no_argument, NULL, 'i'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			*file = optarg;
			break;
		case 'i':
			*inject = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return PARSED_DONE;
		case 'V':
			(void)puts("penstock-control " PENSTOCK_VERSION);
			return PARSED_DONE;
		default:
			(void)fputs(usage, stderr);
			return PARSED_WRONG;
		}
	}
	if (!*file || optind != argc) {
		(void)fputs(usage, stderr);
		return PARSED_WRONG;
	}
	return PARSED_RUN;
}

/* A descriptor for each origin of each stream: more than the soft limit that shells set. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Every address of a port is one that others reach: whoever does may publish there. */
static void warn_of_open_apps(const struct config *config)
{
	for (uint32_t i = 0; i < config->apps_count; i++) {
		if (config->apps[i].open) {
			journal(CONFIG_LOG_WARN, "app.open", "{s:s, s:s}", "app",
				config->apps[i].name, "warning",
				"anybody who reaches the edge may publish here: `open: true`");
		}
	}
}

/* Nobody asked for it: on a small edge it is few. */
static void say_source_limit(const struct config *config)
{
	const struct config_per_source *limits = &config->dataplane.per_source;

	if (limits->by_default) {
		journal(CONFIG_LOG_INFO, "source.default", "{s:s, s:i, s:i}", "setting",
			"dataplane.per_source.connections", "connections", (int)limits->connections,
			"rate", (int)limits->rate);
	}
}

static int run(const struct config *config, bool inject)
{
	struct control *control = malloc(sizeof(*control));
	const char *what = "";

	/* Whoever reads our stderr may go away: streams do not end for that. */
	(void)signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	journal_init(config->control.log_level);
	if (privileges_drop(config->control.user, &what)) {
		journal(CONFIG_LOG_ERROR, "control.privileges", "{s:s, s:s, s:s}", "user",
			config->control.user, "what", what, "error", strerror(errno));
		free(control);
		return EXIT_FAILURE;
	}
	if (!control || control_init(control, config)) {
		journal(CONFIG_LOG_ERROR, "control.no_resources", "{s:s}", "error",
			strerror(errno));
		free(control);
		return EXIT_FAILURE;
	}
	journal(CONFIG_LOG_INFO, "control.started", "{s:s}", "version", PENSTOCK_VERSION);
	warn_of_open_apps(config);
	say_source_limit(config);
	control->inject = inject;
	control_run(control);
	control_fini(control);
	free(control);
	journal(CONFIG_LOG_INFO, "control.stopped", NULL);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct config_error error;
	struct config *config;
	const char *file = NULL;
	bool inject = false;
	int status;

	switch (parse(argc, argv, &file, &inject)) {
	case PARSED_DONE:
		return EXIT_SUCCESS;
	case PARSED_WRONG:
		return EXIT_FAILURE;
	case PARSED_RUN:
		break;
	}
	if (config_load(file, &config, &error)) {
		(void)fprintf(stderr, "%s\n", error.text);
		return EXIT_FAILURE;
	}
	status = run(config, inject);
	config_free(config);
	return status;
}
