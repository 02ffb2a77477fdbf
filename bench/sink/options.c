#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: penstock-sink --listen ADDR:PORT [options]\n"
	"\n"
	"Receives RTMP publishes, counts and checks what comes, and reports it as JSON.\n"
	"\n"
	"  --listen ADDR:PORT  listen here; IPv6 in brackets; up to 16 times\n"
	"  --flv-dir DIR       write each publish to a new file DIR/APP_NAME.flv\n"
	"  --json FILE         report: rewritten at each end of a publish and once a second\n"
	"                      while something changes; \"-\" prints it at the end\n"
	"  --once N            end after N publishes ended\n"
	"  --seconds S         end after S seconds\n"
	"  --chunk-log         one line on stderr for each message\n"
	"  --no-checksum       leave out the CRC-32 (crc32 is null in the report)\n"
	"  --quiet             no lines on stderr for publishes\n"
	"  --help, --version\n"
	"\n"
	"SIGINT and SIGTERM end it in order. See penstock-sink(1).\n";

enum option_code {
	OPT_LISTEN = 256,
	OPT_FLV_DIR,
	OPT_JSON,
	OPT_ONCE,
	OPT_SECONDS,
	OPT_CHUNK_LOG,
	OPT_NO_CHECKSUM,
	OPT_QUIET,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"flv-dir", required_argument, NULL, OPT_FLV_DIR},
	{"json", required_argument, NULL, OPT_JSON},
	{"once", required_argument, NULL, OPT_ONCE},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"chunk-log", no_argument, NULL, OPT_CHUNK_LOG},
	{"no-checksum", no_argument, NULL, OPT_NO_CHECKSUM},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static int complain(const char *what)
{
	fprintf(stderr, "penstock-sink: %s (see --help)\n", what);
	return -1;
}

/* A number from 1 to `max`, or 0. */
static uint64_t number(const char *text, uint64_t max)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value > max) {
		return 0;
	}
	return value;
}

static int add_listen(struct sink_options *o, const char *text)
{
	if (o->listen_count == SINK_LISTEN_MAX) {
		return complain("more than 16 times --listen");
	}
	o->listen[o->listen_count++] = text;
	return 0;
}

static int apply(struct sink_options *o, int code)
{
	switch (code) {
	case OPT_LISTEN:
		return add_listen(o, optarg);
	case OPT_FLV_DIR:
		o->flv_dir = optarg;
		return 0;
	case OPT_JSON:
		o->json = optarg;
		return 0;
	case OPT_ONCE:
		o->once = number(optarg, UINT64_MAX);
		return o->once != 0 ? 0 : complain("--once wants a number above 0");
	case OPT_SECONDS:
		o->seconds = (uint32_t)number(optarg, UINT32_MAX);
		return o->seconds != 0 ? 0 : complain("--seconds wants a number above 0");
	case OPT_CHUNK_LOG:
		o->chunk_log = true;
		return 0;
	case OPT_NO_CHECKSUM:
		o->checksum = false;
		return 0;
	case OPT_QUIET:
		o->quiet = true;
		return 0;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("penstock-sink " PENSTOCK_VERSION);
		return 1;
	default: /* getopt has said what is wrong */
		return -1;
	}
}

int options_parse(struct sink_options *options, int argc, char *argv[])
{
	int code;

	memset(options, 0, sizeof(*options));
	options->checksum = true;
	while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int rc = apply(options, code);
		if (rc != 0) {
			return rc;
		}
	}
	if (optind != argc) {
		return complain("arguments that are not options");
	}
	return options->listen_count > 0 ? 0 : complain("--listen is missing");
}
