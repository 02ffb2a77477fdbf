#include "bench/replay_src/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: penstock-replay [options]\n"
	"\n"
	"Runs workers of the dataplane on a port inside this process whose frames (publishers "
	"that\n"
	"send RTMP over TCP) are made by each worker's own core when it polls, and measures them.\n"
	"bench/replay runs it in turn and compares.\n"
	"\n"
	"  --workers N         default 1\n"
	"  --cores A,B,...     CPU of each worker; default 0,1,...\n"
	"  --publishers N      of each worker; default 10\n"
	"  --chunk-size BYTES  default 4096\n"
	"  --message BYTES     size of an inter frame; keyframes have eight times that; default\n"
	"                      4096\n"
	"  --train N           segments of one publisher in a row; default 8\n"
	"  --seconds S         of measurement; default 3\n"
	"  --checksums WHO     nic: frames come as verified (default); worker: it has to look at "
	"every\n"
	"                      byte, as on memif, tap and af_packet\n"
	"  --packets N         receive mbufs of each worker; default 32767\n"
	"  --log-blocks N      of each worker, 4 KiB each; default 8192\n"
	"  --consumer WHO      self: no control lives, workers give up the oldest GOPs (default);\n"
	"                      control: one reads to the end once a millisecond\n"
	"  --rx-only           receive and free, no dataplane: what the source itself costs\n"
	"  --hold N            with --rx-only: mbufs held before they are freed; default 0\n"
	"  --help, --version\n"
	"\n"
	"Prints one JSON object. Exit status 1 when a publisher failed or a message is missing.\n";

enum option_code {
	OPT_WORKERS = 256,
	OPT_CORES,
	OPT_PUBLISHERS,
	OPT_CHUNK_SIZE,
	OPT_MESSAGE,
	OPT_TRAIN,
	OPT_SECONDS,
	OPT_CHECKSUMS,
	OPT_PACKETS,
	OPT_LOG_BLOCKS,
	OPT_CONSUMER,
	OPT_RX_ONLY,
	OPT_HOLD,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"cores", required_argument, NULL, OPT_CORES},
	{"publishers", required_argument, NULL, OPT_PUBLISHERS},
	{"chunk-size", required_argument, NULL, OPT_CHUNK_SIZE},
	{"message", required_argument, NULL, OPT_MESSAGE},
	{"train", required_argument, NULL, OPT_TRAIN},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"checksums", required_argument, NULL, OPT_CHECKSUMS},
	{"packets", required_argument, NULL, OPT_PACKETS},
	{"log-blocks", required_argument, NULL, OPT_LOG_BLOCKS},
	{"consumer", required_argument, NULL, OPT_CONSUMER},
	{"rx-only", no_argument, NULL, OPT_RX_ONLY},
	{"hold", required_argument, NULL, OPT_HOLD},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static int complain(const char *what)
{
	(void)fprintf(stderr, "penstock-replay: %s (see --help)\n", what);
	return -1;
}

static int parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *value,
			const char *what)
{
	char *end;

	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || number < min ||
	    number > max) {
		return complain(what);
	}
	*value = (uint32_t)number;
	return 0;
}

static int parse_cores(char *text, struct options *o)
{
	char *rest = NULL;

	o->cores_count = 0;
	for (char *word = strtok_r(text, ",", &rest); word != NULL;
	     word = strtok_r(NULL, ",", &rest)) {
		if (o->cores_count == CONFIG_CORES_MAX ||
		    parse_number(word, 0, 1023, &o->cores[o->cores_count], "--cores: CPUs") < 0) {
			return -1;
		}
		o->cores_count++;
	}
	return 0;
}

static int parse_consumer(const char *text, struct options *o)
{
	o->consume = strcmp(text, "control") == 0;
	return o->consume || strcmp(text, "self") == 0 ? 0
						       : complain("--consumer: self or control");
}

static int parse_checksums(const char *text, struct options *o)
{
	o->checksums = strcmp(text, "worker") == 0;
	return o->checksums || strcmp(text, "nic") == 0 ? 0
							: complain("--checksums: nic or worker");
}

static int parse_load(int option, char *text, struct options *o)
{
	switch (option) {
	case OPT_PUBLISHERS:
		return parse_number(text, 1, 1000, &o->publishers, "--publishers: 1 to 1000");
	case OPT_CHUNK_SIZE:
		return parse_number(text, 128, 65536, &o->chunk_size, "--chunk-size: 128 to 65536");
	case OPT_CHECKSUMS:
		return parse_checksums(text, o);
	case OPT_MESSAGE:
		return parse_number(text, 64, 262144, &o->message, "--message: 64 to 262144");
	default:
		return parse_number(text, 1, 32, &o->train, "--train: 1 to 32");
	}
}

static int parse_one(int option, char *text, struct options *o)
{
	switch (option) {
	case OPT_WORKERS:
		return parse_number(text, 1, CONFIG_CORES_MAX, &o->workers, "--workers: 1 to 64");
	case OPT_CORES:
		return parse_cores(text, o);
	case OPT_SECONDS:
		return parse_number(text, 1, 3600, &o->seconds, "--seconds: 1 to 3600");
	case OPT_PACKETS:
		return parse_number(text, 4095, 1u << 20, &o->packets, "--packets: 4095 or more");
	case OPT_LOG_BLOCKS:
		return parse_number(text, 1024, 1u << 20, &o->log_blocks,
				    "--log-blocks: 1024 or more");
	case OPT_CONSUMER:
		return parse_consumer(text, o);
	case OPT_RX_ONLY:
		o->rx_only = true;
		return 0;
	case OPT_HOLD:
		return parse_number(text, 0, 1u << 20, &o->hold, "--hold: a number");
	case OPT_HELP:
		(void)fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("penstock-replay " PENSTOCK_VERSION);
		return 1;
	default:
		return parse_load(option, text, o);
	}
}

static int check(struct options *o)
{
	if (o->cores_count == 0) {
		for (uint32_t i = 0; i < o->workers; i++) {
			o->cores[o->cores_count++] = i;
		}
	}
	if (o->cores_count < o->workers) {
		return complain("--cores: one for each worker");
	}
	if (o->hold + 1024 > o->packets) {
		return complain("--hold: fewer than --packets by 1024");
	}
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){
		.workers = 1,
		.publishers = 10,
		.chunk_size = 4096,
		.message = 4096,
		.train = 8,
		.seconds = 3,
		.packets = 32767,
		.log_blocks = 8192,
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int rc = option == '?' ? -1 : parse_one(option, optarg, options);

		if (rc != 0) {
			return rc;
		}
	}
	return optind == argc ? check(options) : complain("too many arguments");
}
