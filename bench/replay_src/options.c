#include "bench/replay_src/options.h"

#include <stddef.h>
#include <string.h>

#include "bench/common/option.h"

static int set_cores(void *options, const char *text, const char **why)
{
	struct options *o = options;
	char item[16];
	uint64_t core;

	*why = "CPUs";
	o->cores_count = 0;
	while (option_item(&text, item, sizeof(item))) {
		if (o->cores_count == CONFIG_CORES_MAX || option_number(item, 0, 1023, &core) < 0) {
			return -1;
		}
		o->cores[o->cores_count++] = (uint32_t)core;
	}
	return 0;
}

/* Which of two words it is: the second sets `second`. */
static int set_word(const char *text, const char *const words[2], bool *second)
{
	*second = strcmp(text, words[1]) == 0;
	return *second || strcmp(text, words[0]) == 0 ? 0 : -1;
}

static int set_consumer(void *options, const char *text, const char **why)
{
	static const char *const words[] = {"self", "control"};
	struct options *o = options;

	*why = "self or control";
	return set_word(text, words, &o->consume);
}

static int set_checksums(void *options, const char *text, const char **why)
{
	static const char *const words[] = {"nic", "worker"};
	struct options *o = options;

	*why = "nic or worker";
	return set_word(text, words, &o->checksums);
}

#define AT(member) offsetof(struct options, member)

static const struct option_entry entries[] = {
	{.name = "workers",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(workers),
	 .min = 1,
	 .max = CONFIG_CORES_MAX,
	 .help = "default 1"},
	{.name = "cores",
	 .argument = "A,B,...",
	 .kind = OPTION_CALL,
	 .call = set_cores,
	 .help = "CPU of each worker; default 0,1,..."},
	{.name = "publishers",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(publishers),
	 .min = 1,
	 .max = 1000,
	 .help = "of each worker; default 10"},
	{.name = "chunk-size",
	 .argument = "BYTES",
	 .kind = OPTION_NUMBER,
	 .offset = AT(chunk_size),
	 .min = 128,
	 .max = 65536,
	 .help = "default 4096"},
	{.name = "message",
	 .argument = "BYTES",
	 .kind = OPTION_NUMBER,
	 .offset = AT(message),
	 .min = 64,
	 .max = 262144,
	 .help = "size of an inter frame; keyframes have eight times that; default\n"
		 "4096"},
	{.name = "train",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(train),
	 .min = 1,
	 .max = 32,
	 .help = "segments of one publisher in a row; default 8"},
	{.name = "seconds",
	 .argument = "S",
	 .kind = OPTION_NUMBER,
	 .offset = AT(seconds),
	 .min = 1,
	 .max = 3600,
	 .help = "of measurement; default 3"},
	{.name = "checksums",
	 .argument = "WHO",
	 .kind = OPTION_CALL,
	 .call = set_checksums,
	 .help = "nic: frames come as verified (default); worker: it has to look at every\n"
		 "byte, as on memif, tap and af_packet"},
	{.name = "packets",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(packets),
	 .min = 4095,
	 .max = 1u << 20,
	 .help = "receive mbufs of each worker; default 32767"},
	{.name = "log-blocks",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(log_blocks),
	 .min = 1024,
	 .max = 1u << 20,
	 .help = "of each worker, 4 KiB each; default 8192"},
	{.name = "consumer",
	 .argument = "WHO",
	 .kind = OPTION_CALL,
	 .call = set_consumer,
	 .help = "self: no control lives, workers give up the oldest GOPs (default);\n"
		 "control: one reads to the end once a millisecond"},
	{.name = "rx-only",
	 .kind = OPTION_FLAG,
	 .offset = AT(rx_only),
	 .help = "receive and free, no dataplane: what the source itself costs"},
	{.name = "hold",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(hold),
	 .max = 1u << 20,
	 .help = "with --rx-only: mbufs held before they are freed; default 0"},
};

static const struct option_program program = {
	.name = "penstock-replay",
	.synopsis = "[options]",
	.purpose = "Runs workers of the dataplane on a port inside this process whose frames "
		   "(publishers that\n"
		   "send RTMP over TCP) are made by each worker's own core when it polls, and "
		   "measures them.\n"
		   "bench/replay runs it in turn and compares.",
	.footer = "Prints one JSON object. Exit status 1 when a publisher failed or a message is "
		  "missing.",
	.entries = entries,
	.count = sizeof(entries) / sizeof(entries[0]),
};

static int check(struct options *o)
{
	if (o->cores_count == 0) {
		for (uint32_t i = 0; i < o->workers; i++) {
			o->cores[o->cores_count++] = i;
		}
	}
	if (o->cores_count < o->workers) {
		return option_complain(&program, "--cores: one for each worker");
	}
	if (o->hold + 1024 > o->packets) {
		return option_complain(&program, "--hold: fewer than --packets by 1024");
	}
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
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
	int rc = option_parse(&program, options, argc, argv);

	return rc == 0 ? check(options) : rc;
}
