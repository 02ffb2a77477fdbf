#include "dataplane/eal.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MIB ((uint64_t)1 << 20)

enum dp_eal_device dp_eal_device(const char *device)
{
	if (strcmp(device, "tap") == 0) {
		return DP_EAL_TAP;
	}
	if (strcmp(device, "af_packet") == 0) {
		return DP_EAL_AF_PACKET;
	}
	return strstr(device, "net_") != NULL ? DP_EAL_VDEV : DP_EAL_PCI;
}

/*
 * The af_packet PMD takes a frame of the kernel's ring to be a divisor of a block, blocks are whole
 * pages, and the kernel's header takes 66 bytes of the frame.
 */
static uint32_t af_packet_frame(uint32_t mtu)
{
	if (mtu <= 1900) {
		return 2048;
	}
	return mtu <= 3900 ? 4096 : 10240;
}

uint16_t dp_eal_data_room(const struct config_port *port)
{
	uint32_t room = port->mtu + 22; /* Ethernet header, two VLAN tags */

	/* That PMD also wants an mbuf to hold a whole frame of the ring, whatever the MTU. */
	if (dp_eal_device(port->device) == DP_EAL_AF_PACKET) {
		room = af_packet_frame(port->mtu);
	}
	return (uint16_t)(room <= 2048 ? 2048 : (room + 63) / 64 * 64);
}

/* What EAL's own heap holds: header and reply mbufs (worker_create.c), caches, rings, descriptors.
 */
static uint64_t heap_memory(const struct config_dataplane *config)
{
	uint64_t headers = UINT64_C(12288) * (dp_eal_data_room(&config->ports[0]) + UINT64_C(384));
	uint64_t worker = 32 * MIB + headers + (uint64_t)config->memory.connections * 1280;

	return 64 * MIB + config->cores_count * worker;
}

uint64_t dp_eal_memory(const struct config_dataplane *config)
{
	const struct config_memory *memory = &config->memory;
	uint64_t packets = memory->packets * (dp_eal_data_room(&config->ports[0]) + UINT64_C(384));
	uint64_t pub = memory->log_blocks * (uint64_t)4100 + memory->streams * (uint64_t)1472;
	uint64_t play = config->play.players > 0 ? config->play.memory_mib * MIB : 0;

	return heap_memory(config) + config->cores_count * (packets + pub + 4 * MIB) + play;
}

static uint64_t hugepages(const char *path)
{
	unsigned long long pages = 0;
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		return 0;
	}
	if (fscanf(file, "%llu", &pages) != 1) {
		pages = 0;
	}
	(void)fclose(file);
	return pages * 2 * MIB;
}

uint64_t dp_eal_hugepages_free(void)
{
	return hugepages("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
}

uint64_t dp_eal_hugepages_total(void)
{
	return hugepages("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
}

uint64_t dp_eal_hugepages_await(const struct config_dataplane *config, uint32_t wait_ms)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	uint64_t wanted = config->hugepages == CONFIG_HUGEPAGES_OFF ? 0 : dp_eal_memory(config);
	uint64_t free = dp_eal_hugepages_free();

	for (uint32_t ms = 0; ms < wait_ms && free < wanted && wanted <= dp_eal_hugepages_total();
	     ms += 10) {
		(void)nanosleep(&pause, NULL);
		free = dp_eal_hugepages_free();
	}
	return free;
}

int dp_eal_choose_hugepages(const struct config_dataplane *config, uint64_t free)
{
	if (config->hugepages == CONFIG_HUGEPAGES_OFF) {
		return 0;
	}
	if (free >= dp_eal_memory(config)) {
		return 1;
	}
	return config->hugepages == CONFIG_HUGEPAGES_REQUIRED ? -ENOMEM : 0;
}

static void add(struct dp_eal_args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct dp_eal_args *args, const char *format, ...)
{
	va_list list;

	if (args->argc == DP_EAL_ARGS) {
		args->overflow = true;
		return;
	}
	char *text = args->text[args->argc];
	va_start(list, format);
	int length = vsnprintf(text, sizeof(args->text[0]), format, list);
	va_end(list);
	args->overflow |= length < 0 || (size_t)length >= sizeof(args->text[0]);
	args->argv[args->argc++] = text;
	args->argv[args->argc] = NULL;
}

static void append(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text + used, size - used, format, list);
	va_end(list);
}

/*
 * "0@(0,1),1@0,2@1": the main thread may run anywhere, worker i only on its CPU. Two lcores may
 * share a CPU, which plain -l does not allow.
 */
static void add_lcores(struct dp_eal_args *args, const struct config_dataplane *config)
{
	char text[480] = "--lcores=0@(";
	const char *comma = "";
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	(void)sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE && strlen(text) < 200; cpu++) {
		if (CPU_ISSET(cpu, &allowed)) {
			append(text, sizeof(text), "%s%d", comma, cpu);
			comma = ",";
		}
	}
	append(text, sizeof(text), ")");
	for (uint32_t i = 0; i < config->cores_count; i++) {
		append(text, sizeof(text), ",%u@%u", dp_eal_lcore(i), config->cores[i]);
	}
	args->overflow |= strlen(text) + 1 == sizeof(text);
	add(args, "%s", text);
	add(args, "--main-lcore=0");
}

static void add_af_packet(struct dp_eal_args *args, const struct config_port *port, uint32_t queues)
{
	uint32_t frame = af_packet_frame(port->mtu);
	uint32_t block = frame <= 4096 ? 4096 : 2 * frame;

	add(args, "--vdev=net_af_packet0,iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=512",
	    port->name, queues, frame, block);
}

static void add_device(struct dp_eal_args *args, const struct config_dataplane *config)
{
	const struct config_port *port = &config->ports[0];

	switch (dp_eal_device(port->device)) {
	case DP_EAL_TAP:
		add(args, "--vdev=net_tap0,iface=%s", port->name);
		break;
	case DP_EAL_AF_PACKET:
		add_af_packet(args, port, config->cores_count);
		break;
	case DP_EAL_VDEV:
		add(args, "--vdev=%s", port->device);
		break;
	case DP_EAL_PCI:
		add(args, "-a");
		add(args, "%s", port->device);
		break;
	}
}

static void add_memory(struct dp_eal_args *args, const struct config_dataplane *config,
		       bool hugepages)
{
	if (hugepages) {
		add(args, "--in-memory");
		return;
	}
	/* Without hugepages the heap cannot grow. Its pages are only taken when touched. */
	add(args, "--no-huge");
	add(args, "--no-shconf");
	add(args, "-m");
	add(args, "%u", (unsigned int)(heap_memory(config) / MIB));
}

int dp_eal_build(struct dp_eal_args *args, const struct config_dataplane *config, bool hugepages)
{
	bool pci = dp_eal_device(config->ports[0].device) == DP_EAL_PCI;

	*args = (struct dp_eal_args){0};
	add(args, "penstock-dataplane");
	add_lcores(args, config);
	add_memory(args, config, hugepages);
	if (!pci) {
		add(args, "--no-pci");
		add(args, "--iova-mode=va");
	}
	/* EAL's own lines on stderr would stand between our JSON lines. */
	if (dp_eal_device(config->ports[0].device) == DP_EAL_TAP) {
		/*
		 * It complains of every kernel without the multiq qdisc, which only rte_flow needs.
		 * Of two patterns that fit, a driver that is loaded later obeys the first.
		 */
		add(args, "--log-level=pmd.net.tap:critical");
	}
	add(args, "--log-level=lib.*:error");
	add(args, "--log-level=pmd.*:error");
	add_device(args, config);
	return args->overflow ? -E2BIG : 0;
}
