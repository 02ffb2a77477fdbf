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
	"  --check-marks FILE  check the marks of synthetic payloads; FILE keeps what was seen, "
	"also\n"
	"                      for the next sink with the same FILE\n"
	"  --show-marks FILE   print such a file as JSON and end\n"
	"  --no-checksum       leave out the CRC-32 (crc32 is null in the report)\n"
	"  --quiet             no lines on stderr for publishes\n"
	"  --never-read        accept connections and read nothing\n"
	"  --stall-after N     read no more of a connection after N bytes\n"
	"  --reset-after N     reset a connection after N bytes\n"
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
	OPT_CHECK_MARKS,
	OPT_SHOW_MARKS,
	OPT_NO_CHECKSUM,
	OPT_QUIET,
	OPT_NEVER_READ,
	OPT_STALL_AFTER,
	OPT_RESET_AFTER,
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
	{"check-marks", required_argument, NULL, OPT_CHECK_MARKS},
	{"show-marks", required_argument, NULL, OPT_SHOW_MARKS},
	{"no-checksum", no_argument, NULL, OPT_NO_CHECKSUM},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"never-read", no_argument, NULL, OPT_NEVER_READ},
	{"stall-after", required_argument, NULL, OPT_STALL_AFTER},
	{"reset-after", required_argument, NULL, OPT_RESET_AFTER},
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

static int apply_fault(struct sink_options *o, int code)
{
	uint64_t *after = code == OPT_STALL_AFTER ? &o->stall_after : &o->reset_after;

	if (code == OPT_NEVER_READ) {
		o->never_read = true;
		return 0;
	}
	*after = number(optarg, UINT64_MAX);
	return *after != 0 ? 0 : complain("faults come after a number of bytes above 0");
}

static int apply(struct sink_options *o, int code)
{
	switch (code) {
	case OPT_NEVER_READ:
	case OPT_STALL_AFTER:
	case OPT_RESET_AFTER:
		return apply_fault(o, code);
	case OPT_CHECK_MARKS:
		o->marks = optarg;
		return 0;
	case OPT_SHOW_MARKS:
		o->show_marks = optarg;
		return 0;
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
	return options->listen_count > 0 || options->show_marks != NULL
		       ? 0
		       : complain("--listen is missing");
}
