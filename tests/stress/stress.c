/*
 * stress [--seconds N] [--hostile | --wake]
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "stress.h"

static void usage(void)
{
	fputs("usage: stress [--seconds N] [--hostile | --wake]\n", stderr);
	exit(2);
}

static void parse(struct stress *s, int argc, char **argv)
{
	static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
						{"hostile", no_argument, NULL, 'h'},
						{"wake", no_argument, NULL, 'w'},
						{NULL, 0, NULL, 0}};
	int c;

	s->seconds = 2;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's') {
			s->seconds = (unsigned int)strtoul(optarg, NULL, 10);
		} else if (c == 'h') {
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

static void run(struct stress *s)
{
	struct roles roles = roles_of(s);
	pthread_t worker;
	pthread_t control;

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
}

int main(int argc, char **argv)
{
	struct stress *s = calloc(1, sizeof(*s));

	if (!s) {
		return 2;
	}
	parse(s, argc, argv);
	stress_init(s);
	run(s);
	bool failed = stress_failed(s);
	stress_fini(s);
	free(s);
	puts(failed ? "FAILED" : "passed");
	return failed;
}
