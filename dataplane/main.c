/*
 * penstock-dataplane: options, signals, and the order of starting and stopping.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config/config.h"
#include "dataplane/diag.h"
#include "dataplane/eal.h"
#include "dataplane/instance.h"
#include "dataplane/privileges.h"
#include "dataplane/run_dir.h"

#define HUGEPAGES_WAIT_MS 3000u

struct options {
	const char *config;
	bool check;
};

static void usage(FILE *file)
{
	(void)fputs("usage: penstock-dataplane -c FILE [--check]\n"
		    "       penstock-dataplane --version | --help\n"
		    "\n"
		    "  -c, --config FILE  configuration, see penstock.yaml(5)\n"
		    "      --check        say whether the configuration is good, and exit\n"
		    "      --version      print the version and exit\n"
		    "  -h, --help         print this and exit\n",
		    file);
}

/* Returns -1 to go on, or the status to exit with. */
static int parse_options(int argc, char **argv, struct options *options)
{
	enum { OPTION_CHECK = 256, OPTION_VERSION };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case OPTION_CHECK:
			options->check = true;
			break;
		case OPTION_VERSION:
			puts("penstock-dataplane " PENSTOCK_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (options->config == NULL || optind != argc) {
		usage(stderr);
		return 2;
	}
	return -1;
}

/*
 * SIGTERM and SIGINT come over a descriptor; blocked before EAL starts threads, which inherit it.
 * SIGIO is ignored: the tap PMD asks for a queued signal per packet, and when the queue of signals
 * is full the kernel sends SIGIO instead, which would end the process.
 */
static int open_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGIO, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int open_epoll(int signals_fd, int instance_fd)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event signals = {.events = EPOLLIN, .data.fd = signals_fd};
	struct epoll_event instance = {.events = EPOLLIN, .data.fd = instance_fd};

	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, signals_fd, &signals) < 0 ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, instance_fd, &instance) < 0) {
		return -1;
	}
	return fd;
}

static bool asked_to_stop(int signals_fd)
{
	struct signalfd_siginfo info;

	return read(signals_fd, &info, sizeof(info)) == sizeof(info);
}

/* The main thread: the link to control until a signal, then until the workers have stopped. */
static void serve(struct dp_instance *instance, int epoll_fd, int signals_fd)
{
	bool stopping = false;

	while (!stopping || !dp_instance_stopped(instance)) {
		struct epoll_event event;

		/* The link has time limits of its own, without a descriptor that tells of them. */
		(void)epoll_wait(epoll_fd, &event, 1, stopping ? 5 : 200);
		if (!stopping && asked_to_stop(signals_fd)) {
			stopping = true;
			dp_instance_stop(instance);
		}
		dp_instance_poll(instance);
	}
}

static int run_instance(const struct config *config, bool hugepages, int signals_fd)
{
	struct dp_instance *instance = dp_instance_create(config, hugepages);

	if (instance == NULL) {
		return EXIT_FAILURE;
	}
	int status = EXIT_FAILURE;
	int epoll_fd = open_epoll(signals_fd, dp_instance_fd(instance));
	if (epoll_fd >= 0 && dp_instance_start(instance) == 0) {
		dp_privileges_seal();
		serve(instance, epoll_fd, signals_fd);
		status = EXIT_SUCCESS;
	}
	if (epoll_fd >= 0) {
		close(epoll_fd);
	}
	return dp_instance_destroy(instance) != 0 ? EXIT_FAILURE : status;
}

static int start_eal(const struct config_dataplane *config)
{
	static struct dp_eal_args args; /* EAL keeps pointers into it */
	uint64_t free = dp_eal_hugepages_await(config, HUGEPAGES_WAIT_MS);
	int hugepages = dp_eal_choose_hugepages(config, free);

	if (hugepages < 0) {
		dp_diag_text(DP_DIAG_ERROR, "start_failed",
			     "hugepages are required: %llu MiB wanted, %llu MiB free",
			     (unsigned long long)(dp_eal_memory(config) >> 20),
			     (unsigned long long)(free >> 20));
		return hugepages;
	}
	int err = dp_eal_build(&args, config, hugepages == 1);
	if (err < 0) {
		dp_diag_text(DP_DIAG_ERROR, "start_failed",
			     "device or cores do not fit EAL's line");
		return err;
	}
	if (rte_eal_init(args.argc, args.argv) < 0) {
		dp_diag_text(DP_DIAG_ERROR, "start_failed", "EAL: %s", rte_strerror(rte_errno));
		return -rte_errno;
	}
	return hugepages;
}

static int prepare_run_dir(const struct config *config)
{
	const struct passwd *user = getpwnam(config->control.user);

	if (user == NULL) {
		dp_diag_text(DP_DIAG_ERROR, "start_failed", "control.user: no such user \"%s\"",
			     config->control.user);
		return -ENOENT;
	}
	int err = dp_run_dir_create(config->run_dir, user->pw_uid, user->pw_gid);
	if (err < 0) {
		dp_diag_text(DP_DIAG_ERROR, "start_failed", "%s: %s", config->run_dir,
			     strerror(-err));
	}
	return err;
}

static int run(const struct config *config)
{
	enum dp_eal_device device = dp_eal_device(config->dataplane.ports[0].device);
	int signals_fd = open_signals();

	if (signals_fd < 0 || prepare_run_dir(config) < 0) {
		return EXIT_FAILURE;
	}
	int err = dp_privileges_drop(device != DP_EAL_TAP && device != DP_EAL_AF_PACKET);
	if (err < 0) {
		dp_diag_text(DP_DIAG_WARN, "privileges", "not dropped: %s", strerror(-err));
	}
	int hugepages = start_eal(&config->dataplane);
	if (hugepages < 0) {
		return EXIT_FAILURE;
	}
	int status = run_instance(config, hugepages == 1, signals_fd);
	(void)rte_eal_cleanup();
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct config *config;
	struct config_error error;
	int status = parse_options(argc, argv, &options);

	if (status >= 0) {
		return status;
	}
	if (config_load(options.config, &config, &error) < 0) {
		(void)fprintf(stderr, "%s\n", error.text);
		return EXIT_FAILURE;
	}
	status = options.check ? EXIT_SUCCESS : run(config);
	config_free(config);
	return status;
}
