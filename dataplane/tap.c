#include "dataplane/tap.h"

#include <fcntl.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_LENGTH 8192 /* packets; 8 bytes each until they come */

/* The handler that the PMD installed for the signal of this descriptor. */
static bool find_handler(struct dp_tap *tap, int fd)
{
	int number = fcntl(fd, F_GETSIG);
	struct sigaction action;

	if (number < SIGRTMIN || number > SIGRTMAX || sigaction(number, NULL, &action) < 0) {
		return false;
	}
	if ((action.sa_flags & SA_SIGINFO) || action.sa_handler == SIG_DFL ||
	    action.sa_handler == SIG_IGN) {
		return false;
	}
	tap->look_again = action.sa_handler;
	tap->signal = number;
	return true;
}

static void stop_signals(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0) {
		(void)fcntl(fd, F_SETFL, flags & ~O_ASYNC);
	}
}

static void lengthen_queue(const char *name)
{
	struct ifreq request = {.ifr_qlen = QUEUE_LENGTH};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return;
	}
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	(void)ioctl(fd, SIOCSIFTXQLEN, &request);
	close(fd);
}

void dp_tap_init(struct dp_tap *tap, const char *name, uint16_t port, uint16_t queues)
{
	*tap = (struct dp_tap){.look_again = NULL};
	lengthen_queue(name);
	for (uint16_t i = 0; i < queues; i++) {
		int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port, i);

		if (fd >= 0 && find_handler(tap, fd)) {
			stop_signals(fd);
		}
	}
}
