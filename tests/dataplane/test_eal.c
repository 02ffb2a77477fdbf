/*
 * The argument vector of EAL.
 */
#include "dataplane/eal.h"
#include "suite.h"

#include <errno.h>
#include <string.h>

static uint32_t cores[CONFIG_CORES_MAX] = {0, 1, 1};
static char tap[] = "tap";
static char af_packet[] = "af_packet";
static char pci[] = "0000:01:00.0";
static char vdev[] = "net_memif0,role=client";
static char name[] = "penstock0";

static struct config_port port;

static struct config_dataplane config_for(char *device, uint32_t workers)
{
	port = (struct config_port){.device = device, .name = name, .mtu = 1500};
	return (struct config_dataplane){
		.cores = cores,
		.cores_count = workers,
		.ports = &port,
		.ports_count = 1,
		.memory = {.packets = 16384,
			   .connections = 4096,
			   .streams = 1024,
			   .log_blocks = 8192},
	};
}

static bool has(const struct dp_eal_args *args, const char *text)
{
	for (int i = 0; i < args->argc; i++) {
		if (strcmp(args->argv[i], text) == 0) {
			return true;
		}
	}
	return false;
}

static const char *begins(const struct dp_eal_args *args, const char *prefix)
{
	for (int i = 0; i < args->argc; i++) {
		if (strncmp(args->argv[i], prefix, strlen(prefix)) == 0) {
			return args->argv[i];
		}
	}
	return "";
}

static struct dp_eal_args args;

static void tap_with_hugepages(void)
{
	struct config_dataplane config = config_for(tap, 1);

	CU_ASSERT_EQUAL_FATAL(dp_eal_build(&args, &config, true), 0);
	CU_ASSERT(has(&args, "--in-memory"));
	CU_ASSERT_FALSE(has(&args, "--no-huge"));
	CU_ASSERT(has(&args, "--no-pci"));
	CU_ASSERT(has(&args, "--vdev=net_tap0,iface=penstock0"));
	CU_ASSERT_PTR_NULL(args.argv[args.argc]);
}

/* EAL refuses --no-huge together with --in-memory. */
static void without_hugepages(void)
{
	struct config_dataplane config = config_for(tap, 1);

	CU_ASSERT_EQUAL_FATAL(dp_eal_build(&args, &config, false), 0);
	CU_ASSERT(has(&args, "--no-huge"));
	CU_ASSERT(has(&args, "--no-shconf"));
	CU_ASSERT(has(&args, "-m"));
	CU_ASSERT_FALSE(has(&args, "--in-memory"));
}

/* Two workers may share a CPU; the main thread is bound to none of them. */
static void lcores_follow_the_cores(void)
{
	struct config_dataplane config = config_for(tap, 3);

	CU_ASSERT_EQUAL_FATAL(dp_eal_build(&args, &config, true), 0);
	const char *lcores = begins(&args, "--lcores=");
	CU_ASSERT_PTR_NOT_NULL(strstr(lcores, "--lcores=0@("));
	CU_ASSERT_PTR_NOT_NULL(strstr(lcores, "),1@0,2@1,3@1"));
}

static void af_packet_has_a_queue_per_worker(void)
{
	struct config_dataplane config = config_for(af_packet, 2);

	CU_ASSERT_EQUAL_FATAL(dp_eal_build(&args, &config, true), 0);
	const char *text = begins(&args, "--vdev=net_af_packet0,");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "iface=penstock0,qpairs=2,framesz=2048"));
	port.mtu = 9000;
	CU_ASSERT_EQUAL_FATAL(dp_eal_build(&args, &config, true), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(begins(&args, "--vdev="), "framesz=10240,blocksz=20480"));
}

/* An mbuf must hold a frame of the MTU, and for af_packet a whole frame of the kernel's ring. */
static void data_room_follows_the_mtu(void)
{
	struct config_dataplane config = config_for(tap, 1);

	CU_ASSERT_EQUAL(config.ports[0].mtu, 1500);
	CU_ASSERT_EQUAL(dp_eal_data_room(&port), 2048);
	port.mtu = 9000;
	CU_ASSERT_EQUAL(dp_eal_data_room(&port), 9024);
	port.device = af_packet;
	CU_ASSERT_EQUAL(dp_eal_data_room(&port), 10240);
	port.mtu = 1500;
	CU_ASSERT_EQUAL(dp_eal_data_room(&port), 2048);
}

/* Only the device that is configured may be probed: others belong to other programs. */
static void other_devices(void)
{
	struct config_dataplane config = config_for(vdev, 1);

	CU_ASSERT_EQUAL_FATAL(dp_eal_build(&args, &config, true), 0);
	CU_ASSERT(has(&args, "--vdev=net_memif0,role=client"));
	CU_ASSERT(has(&args, "--no-pci"));
	port.device = pci;
	CU_ASSERT_EQUAL_FATAL(dp_eal_build(&args, &config, true), 0);
	CU_ASSERT(has(&args, "-a"));
	CU_ASSERT(has(&args, "0000:01:00.0"));
	CU_ASSERT_FALSE(has(&args, "--no-pci"));
}

static void too_long_is_an_error(void)
{
	static char device[1000] = "net_";
	struct config_dataplane config = config_for(device, 1);

	memset(device + 4, 'x', sizeof(device) - 5);
	CU_ASSERT_EQUAL(dp_eal_build(&args, &config, true), -E2BIG);
}

static void choice_of_hugepages(void)
{
	struct config_dataplane config = config_for(tap, 2);
	uint64_t needed = dp_eal_memory(&config);

	/* Two workers' packets alone. */
	CU_ASSERT(needed > UINT64_C(2) * 16384 * 2368);
	CU_ASSERT_EQUAL(dp_eal_choose_hugepages(&config, needed), 1);
	CU_ASSERT_EQUAL(dp_eal_choose_hugepages(&config, needed - 1), 0);
	config.hugepages = CONFIG_HUGEPAGES_REQUIRED;
	CU_ASSERT_EQUAL(dp_eal_choose_hugepages(&config, needed), 1);
	CU_ASSERT_EQUAL(dp_eal_choose_hugepages(&config, needed - 1), -ENOMEM);
	config.hugepages = CONFIG_HUGEPAGES_OFF;
	CU_ASSERT_EQUAL(dp_eal_choose_hugepages(&config, UINT64_MAX), 0);
	config.play.memory_mib = 40; /* of nobody */
	CU_ASSERT_EQUAL(dp_eal_memory(&config), needed);
	config.play.players = 1;
	CU_ASSERT_EQUAL(dp_eal_memory(&config), needed + (40 << 20));
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"tap with hugepages", tap_with_hugepages},
		{"without hugepages", without_hugepages},
		{"lcores follow the cores", lcores_follow_the_cores},
		{"af_packet has a queue per worker", af_packet_has_a_queue_per_worker},
		{"data room follows the MTU", data_room_follows_the_mtu},
		{"other devices", other_devices},
		{"too long is an error", too_long_is_an_error},
		{"choice of hugepages", choice_of_hugepages},
		{NULL, NULL},
	};

	return suite_run("eal", tests);
}
