#include "options.h"

#include <string.h>

#include "bench/common/option.h"

static int add_listen(void *options, const char *text, const char **why)
{
	struct sink_options *o = options;

	if (o->listen_count == SINK_LISTEN_MAX) {
		*why = "more than 16 times";
		return -1;
	}
	o->listen[o->listen_count++] = text;
	return 0;
}

static int leave_out_checksum(void *options, const char *text, const char **why)
{
	struct sink_options *o = options;

	(void)text;
	(void)why;
	o->checksum = false;
	return 0;
}

#define AT(member) offsetof(struct sink_options, member)

static const struct option_entry entries[] = {
	{.name = "listen",
	 .argument = "ADDR:PORT",
	 .kind = OPTION_CALL,
	 .call = add_listen,
	 .help = "listen here; IPv6 in brackets; up to 16 times"},
	{.name = "flv-dir",
	 .argument = "DIR",
	 .kind = OPTION_TEXT,
	 .offset = AT(flv_dir),
	 .help = "write each publish to a new file DIR/APP_NAME.flv"},
	{.name = "json",
	 .argument = "FILE",
	 .kind = OPTION_TEXT,
	 .offset = AT(json),
	 .help = "report: rewritten at each end of a publish and once a second\n"
		 "while something changes; \"-\" prints it at the end"},
	{.name = "once",
	 .argument = "N",
	 .kind = OPTION_LONG,
	 .offset = AT(once),
	 .min = 1,
	 .max = UINT64_MAX,
	 .help = "end after N publishes ended"},
	{.name = "seconds",
	 .argument = "S",
	 .kind = OPTION_NUMBER,
	 .offset = AT(seconds),
	 .min = 1,
	 .max = UINT32_MAX,
	 .help = "end after S seconds"},
	{.name = "chunk-log",
	 .kind = OPTION_FLAG,
	 .offset = AT(chunk_log),
	 .help = "one line on stderr for each message"},
	{.name = "check-marks",
	 .argument = "FILE",
	 .kind = OPTION_TEXT,
	 .offset = AT(marks),
	 .help = "check the marks of synthetic payloads; FILE keeps what was seen,\n"
		 "also for the next sink with the same FILE"},
	{.name = "latency",
	 .argument = "FILE",
	 .kind = OPTION_TEXT,
	 .offset = AT(latency),
	 .help = "how old marked messages are when they have arrived, as JSON;\n"
		 "written like the report"},
	{.name = "show-marks",
	 .argument = "FILE",
	 .kind = OPTION_TEXT,
	 .offset = AT(show_marks),
	 .help = "print such a file as JSON and end"},
	{.name = "no-checksum",
	 .kind = OPTION_CALL,
	 .call = leave_out_checksum,
	 .help = "leave out the CRC-32 (crc32 is null in the report)"},
	{.name = "quiet",
	 .kind = OPTION_FLAG,
	 .offset = AT(quiet),
	 .help = "no lines on stderr for publishes"},
	{.name = "never-read",
	 .kind = OPTION_FLAG,
	 .offset = AT(never_read),
	 .help = "accept connections and read nothing"},
	{.name = "stall-after",
	 .argument = "N",
	 .kind = OPTION_LONG,
	 .offset = AT(stall_after),
	 .min = 1,
	 .max = UINT64_MAX,
	 .help = "read no more of a connection after N bytes"},
	{.name = "reset-after",
	 .argument = "N",
	 .kind = OPTION_LONG,
	 .offset = AT(reset_after),
	 .min = 1,
	 .max = UINT64_MAX,
	 .help = "reset a connection after N bytes"},
};

static const struct option_program program = {
	.name = "penstock-sink",
	.synopsis = "--listen ADDR:PORT [options]",
	.purpose = "Receives RTMP publishes, counts and checks what comes, and reports it as JSON.",
	.footer = "SIGINT and SIGTERM end it in order. See penstock-sink(1).",
	.entries = entries,
	.count = sizeof(entries) / sizeof(entries[0]),
};

int options_parse(struct sink_options *options, int argc, char *argv[])
{
	memset(options, 0, sizeof(*options));
	options->checksum = true;
	int rc = option_parse(&program, options, argc, argv);
	if (rc != 0) {
		return rc;
	}
	return options->listen_count > 0 || options->show_marks != NULL
		       ? 0
		       : option_complain(&program, "--listen is missing");
}
