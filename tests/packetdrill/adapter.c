#include "adapter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Longer than any script waits for a packet, and than a connection lives without its peer. */
#define RECEIVE_LIMIT_US (2000ULL * 1000000)
#define HANDOFF_S        1

static void let_waiter_look(struct adapter *adapter)
{
	struct timespec until;

	if (adapter->waiter != WAITER_ASLEEP) {
		return;
	}
	adapter->waiter = WAITER_WOKEN;
	(void)pthread_cond_broadcast(&adapter->wake);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += HANDOFF_S;
	while (adapter->waiter == WAITER_WOKEN) {
		if (pthread_cond_timedwait(&adapter->asleep, &adapter->lock, &until) != 0) {
			return;
		}
	}
}

bool adapter_wait(struct adapter *adapter, uint64_t until_us)
{
	if (pthread_equal(pthread_self(), adapter->main) ||
	    adapter->sockets.host.now_us >= until_us) {
		return false;
	}
	adapter->waiter = WAITER_ASLEEP;
	adapter->waiter_thread = pthread_self();
	adapter->waiter_until_us = until_us;
	(void)pthread_cond_broadcast(&adapter->asleep);
	while (adapter->waiter == WAITER_ASLEEP) {
		(void)pthread_cond_wait(&adapter->wake, &adapter->lock);
	}
	return true;
}

/* True when the call that had to wait is over: its thread reads the clock, which stands still. */
static bool waiter_done(struct adapter *adapter)
{
	if (adapter->waiter != WAITER_WOKEN ||
	    !pthread_equal(pthread_self(), adapter->waiter_thread)) {
		return false;
	}
	adapter->waiter = WAITER_NONE;
	(void)pthread_cond_broadcast(&adapter->asleep);
	return true;
}

static uint64_t waiter_deadline(const struct adapter *adapter)
{
	return adapter->waiter == WAITER_ASLEEP ? adapter->waiter_until_us : UINT64_MAX;
}

static void advance(struct adapter *adapter, uint64_t until_us)
{
	struct host *host = &adapter->sockets.host;

	while (host->now_us < until_us) {
		uint64_t deadline = waiter_deadline(adapter);
		uint64_t to = deadline < until_us ? deadline : until_us;

		if (!host_step(host, to)) {
			host_advance(host, to);
		}
		report_states(adapter);
		let_waiter_look(adapter);
	}
}

static int send_packet(void *self, const void *packet, size_t len)
{
	struct adapter *adapter = self;
	int rc;

	(void)pthread_mutex_lock(&adapter->lock);
	rc = host_input(&adapter->sockets.host, packet, len);
	report_states(adapter);
	let_waiter_look(adapter);
	(void)pthread_mutex_unlock(&adapter->lock);
	return rc;
}

/* PSH off, and the checksum with it (RFC 1624): nobody can leave that flag open in a script. */
static void clear_push(uint8_t *packet, size_t len)
{
	uint8_t *tcp = packet + (packet[0] >> 4 == 6 ? 40 : 20);
	uint32_t sum;

	if (tcp + 20 > packet + len || !(tcp[13] & 8)) {
		return;
	}
	tcp[13] &= (uint8_t)~8u;
	sum = ((uint32_t)tcp[16] << 8 | tcp[17]) + 8;
	sum = (sum & 0xffff) + (sum >> 16);
	tcp[16] = (uint8_t)(sum >> 8);
	tcp[17] = (uint8_t)sum;
}

static int receive_packet(void *self, void *buffer, size_t *len, long long *time_us)
{
	struct adapter *adapter = self;
	struct host *host = &adapter->sockets.host;
	struct host_packet *packet;

	(void)pthread_mutex_lock(&adapter->lock);
	for (uint64_t until = host->now_us + RECEIVE_LIMIT_US; host->first == NULL;) {
		if (!host_step(host, until)) {
			break;
		}
		report_states(adapter);
		let_waiter_look(adapter);
	}
	packet = host_take(host);
	if (packet == NULL || packet->len > *len) {
		*len = 0;
		*time_us = (long long)host->now_us;
	} else {
		if (adapter->no_push) {
			clear_push(packet->bytes, packet->len);
		}
		memcpy(buffer, packet->bytes, packet->len);
		*len = packet->len;
		*time_us = (long long)packet->at_us;
	}
	free(packet);
	(void)pthread_mutex_unlock(&adapter->lock);
	return 0;
}

static int sleep_us(void *self, useconds_t us)
{
	struct adapter *adapter = self;

	(void)pthread_mutex_lock(&adapter->lock);
	advance(adapter, adapter->sockets.host.now_us + us);
	(void)pthread_mutex_unlock(&adapter->lock);
	return 0;
}

static int get_time(void *self, struct timeval *tv, struct timezone *tz)
{
	struct adapter *adapter = self;
	struct host *host = &adapter->sockets.host;

	(void)tz;
	(void)pthread_mutex_lock(&adapter->lock);
	if (!waiter_done(adapter)) {
		advance(adapter, host->now_us + 1);
	}
	tv->tv_sec = (time_t)(host->now_us / 1000000);
	tv->tv_usec = (suseconds_t)(host->now_us % 1000000);
	(void)pthread_mutex_unlock(&adapter->lock);
	return 0;
}

static void destroy(void *self)
{
	struct adapter *adapter = self;
	unsigned int left;

	adapter_info_set(NULL);
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct socket *socket = &adapter->sockets.socket[i];

		if (socket->kind != SOCKET_FREE) {
			socket->linger_reset = true;
			(void)sockets_close(socket);
		}
	}
	left = host_fini(&adapter->sockets.host);
	if (left != 0) {
		(void)fprintf(stderr, "adapter: %u mbufs leaked\n", left);
	}
	if (adapter->log != NULL) {
		(void)fclose(adapter->log);
	}
	free(adapter);
}

static void set_address(struct in6_addr *to, const char *text)
{
	char mapped[64];

	(void)snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	if (inet_pton(AF_INET6, mapped, to) != 1) {
		(void)fprintf(stderr, "adapter: not an address: %s\n", text);
		exit(EXIT_FAILURE);
	}
}

static void set_option(struct adapter *adapter, const char *name, const char *value)
{
	struct tcp_config *config = &adapter->sockets.host.config;
	uint32_t number = (uint32_t)strtoul(value, NULL, 10);

	if (strcmp(name, "local4") == 0) {
		set_address(&adapter->sockets.local4, value);
	} else if (strcmp(name, "local6") == 0) {
		set_address(&adapter->sockets.local6, value);
	} else if (strcmp(name, "mtu") == 0) {
		config->mtu = (uint16_t)number;
	} else if (strcmp(name, "window") == 0) {
		config->receive_budget = number / (config->mtu - 40U) * HOST_TRUESIZE;
	} else if (strcmp(name, "send") == 0) {
		config->send_budget = number;
	} else if (strcmp(name, "rcvbuf") == 0) {
		adapter->sockets.receive_buffer = number;
	} else if (strcmp(name, "quick-acks") == 0) {
		adapter->sockets.no_quick_acks = number == 0;
	} else if (strcmp(name, "push") == 0) {
		adapter->no_push = number == 0;
	} else if (strcmp(name, "log") == 0) {
		adapter->log = fopen(value, "we");
	} else if (strcmp(name, "states") == 0) {
		adapter->states = strdup(value);
	} else {
		(void)fprintf(stderr, "adapter: unknown flag %s\n", name);
		exit(EXIT_FAILURE);
	}
}

/* NAME=VALUE,... as given to --so_flags. */
static void set_options(struct adapter *adapter, const char *flags)
{
	char *copy = strdup(flags != NULL ? flags : "");
	char *rest = copy;
	char *word;

	while (copy != NULL && (word = strsep(&rest, ",")) != NULL) {
		char *value = strchr(word, '=');

		if (value != NULL) {
			*value++ = '\0';
			set_option(adapter, word, value);
		}
	}
	free(copy);
}

static struct adapter *create(const char *flags)
{
	struct adapter *adapter = calloc(1, sizeof(*adapter));

	if (adapter == NULL || host_start() < 0 ||
	    host_init(&adapter->sockets.host, &sockets_ops, &adapter->sockets) < 0) {
		exit(EXIT_FAILURE);
	}
	adapter->main = pthread_self();
	adapter->sockets.host.tap = report_packet;
	adapter->sockets.host.tap_arg = adapter;
	(void)pthread_mutex_init(&adapter->lock, NULL);
	(void)pthread_cond_init(&adapter->wake, NULL);
	(void)pthread_cond_init(&adapter->asleep, NULL);
	adapter->sockets.receive_buffer = 65536;
	set_address(&adapter->sockets.local4, "192.168.0.1");
	set_address(&adapter->sockets.local6, "fd3d:a0b:17d6::1");
	set_options(adapter, flags);
	if (host_boot(&adapter->sockets.host) < 0) {
		exit(EXIT_FAILURE);
	}
	return adapter;
}

/* The name is packetdrill's. */
__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
								       struct drill *drill);

void packetdrill_interface_init(const char *flags, struct drill *drill)
{
	struct adapter *adapter;

	/* Preloaded as well (see run-suite); the programs that a script runs need not be. */
	(void)unsetenv("LD_PRELOAD");
	adapter = create(flags);
	*drill = (struct drill){.self = adapter,
				.free = destroy,
				.netdev_send = send_packet,
				.netdev_receive = receive_packet,
				.usleep = sleep_us,
				.gettimeofday = get_time};
	adapter_calls_set(drill);
	adapter_info_set(adapter);
	report_states(adapter);
}
