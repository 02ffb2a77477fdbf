/* goodput-bulk: command line of the two ends that use kernel sockets. */
#include "tests/goodput/bulk.h"

#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/common/option.h"

#define AT(member) offsetof(struct bulk_options, member)

volatile sig_atomic_t bulk_stopped;

static int take_to(void *options, const char *text, const char **why)
{
	struct bulk_options *o = options;

	o->sends = true;
	return endpoint_parse(text, &o->to, why);
}

static int take_listen(void *options, const char *text, const char **why)
{
	struct bulk_options *o = options;

	o->receives = true;
	return endpoint_parse(text, &o->listen, why);
}

static const struct option_entry entries[] = {
	{.name = "to",
	 .argument = "ADDR:PORT",
	 .kind = OPTION_CALL,
	 .call = take_to,
	 .help = "send there"},
	{.name = "listen",
	 .argument = "ADDR:PORT",
	 .kind = OPTION_CALL,
	 .call = take_listen,
	 .help = "receive here"},
	{.name = "flows",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(flows),
	 .min = 1,
	 .max = BULK_FLOWS_MAX,
	 .help = "connections"},
	{.name = "seconds",
	 .argument = "S",
	 .kind = OPTION_NUMBER,
	 .offset = AT(seconds),
	 .max = 3600,
	 .help = "count for so long; 0: until all flows ended in order"},
	{.name = "bytes",
	 .argument = "N",
	 .kind = OPTION_LONG,
	 .offset = AT(bytes),
	 .max = UINT64_C(1) << 40,
	 .help = "of each flow; 0: without end"},
	{.name = "check",
	 .kind = OPTION_FLAG,
	 .offset = AT(check),
	 .help = "compare what comes with what was sent"},
};

static const struct option_program program = {
	.name = "goodput-bulk",
	.synopsis = "--to ADDR:PORT | --listen ADDR:PORT [options]",
	.purpose = "Sends or receives flows of bytes over kernel sockets, and counts them.",
	.entries = entries,
	.count = sizeof(entries) / sizeof(entries[0]),
};

void bulk_reset(const struct pollfd *fds, uint32_t count)
{
	struct linger reset = {.l_onoff = 1};

	for (uint32_t i = 0; i < count; i++) {
		if (fds[i].fd >= 0) {
			setsockopt(fds[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			close(fds[i].fd);
		}
	}
}

static void on_signal(int number)
{
	(void)number;
	bulk_stopped = 1;
}

int main(int argc, char *argv[])
{
	struct bulk_options o = {.flows = 1};
	int rc = option_parse(&program, &o, argc, argv);

	if (rc == 0 && o.sends == o.receives) {
		rc = option_complain(&program, "either --to or --listen");
	}
	if (rc != 0) {
		return rc < 0 ? 2 : 0;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	return o.sends ? bulk_send(&o) : bulk_receive(&o);
}
