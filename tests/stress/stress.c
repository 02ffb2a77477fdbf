/*
 * Runs one of them for a while: log (the default), wake-ups, a liar in place of the reader, or a
 * hostile control over the whole of ingest.
 *
 * stress [--seconds N] [--seed S] [--hostile | --liar | --wake]
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "hostile.h"
#include "stress.h"

static void usage(void)
{
	fputs("usage: stress [--seconds N] [--seed S] [--hostile | --liar | --wake]\n", stderr);
	exit(2);
}

static void parse(struct stress *s, int argc, char **argv)
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'r'},
		{"hostile", no_argument, NULL, 'h'},       {"liar", no_argument, NULL, 'l'},
		{"wake", no_argument, NULL, 'w'},          {NULL, 0, NULL, 0}};
	int c;

	s->seconds = 2;
	s->seed = stress_now_us();
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's') {
			s->seconds = (unsigned int)strtoul(optarg, NULL, 10);
		} else if (c == 'r') {
			s->seed = strtoul(optarg, NULL, 10);
		} else if (c == 'h') {
			s->ingest = true;
		} else if (c == 'l') {
			s->hostile = true;
		} else if (c == 'w') {
			s->wake = true;
		} else {
			usage();
		}
	}
	if (optind != argc) {
		usage();
	}
}

static void report(const struct stress *s)
{
	const uint64_t *value = s->counters.value;

	printf("messages %lu written, %lu read, %lu refused; slices %lu written, %lu read\n",
	       value[DP_COUNTER_messages], s->messages_read, value[DP_COUNTER_messages_dropped],
	       s->written, s->slices_read);
	printf("headers %lu read; publications %lu ended; units %lu given back\n", s->headers_read,
	       value[DP_COUNTER_publish_ended], value[DP_COUNTER_log_reclaimed_units]);
	printf("wake-ups %lu, sleeps %lu, waits for the reader %lu, news overruns %lu\n",
	       value[DP_COUNTER_wakeups], s->sleeps, s->waits, s->overruns);
	printf("values refused %lu, events refused %lu\n", value[DP_COUNTER_sub_refused],
	       value[DP_COUNTER_events_full]);
}

struct roles {
	void *(*worker)(void *);
	void *(*control)(void *);
};

static struct roles roles_of(const struct stress *s)
{
	if (s->wake) {
		return (struct roles){stress_waker, stress_sleeper};
	}
	return (struct roles){stress_worker, s->hostile ? stress_liar : stress_control};
}

/* True when it failed. */
static bool run(struct stress *s)
{
	struct roles roles = roles_of(s);
	pthread_t worker;
	pthread_t control;

	stress_init(s);
	if (pthread_create(&worker, NULL, roles.worker, s) != 0 ||
	    pthread_create(&control, NULL, roles.control, s) != 0) {
		perror("stress");
		exit(2);
	}
	pthread_join(worker, NULL);
	pthread_join(control, NULL);
	report(s);
	if (!s->hostile && !stress_failed(s) &&
	    s->counters.value[DP_COUNTER_messages] != s->messages_read) {
		stress_fail(s, "messages were not read");
	}
	bool failed = stress_failed(s);
	stress_fini(s);
	return failed;
}

int main(int argc, char **argv)
{
	struct stress *s = calloc(1, sizeof(*s));

	if (!s) {
		return 2;
	}
	parse(s, argc, argv);
	bool failed = s->ingest ? hostile_run(s->seconds, s->seed) : run(s);
	free(s);
	puts(failed ? "FAILED" : "passed");
	return failed;
}
