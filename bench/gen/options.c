#include "bench/gen/options.h"

#include <stddef.h>
#include <string.h>

#include "bench/common/option.h"
#include "control/config/address.h"

static int set_addresses(void *options, const char *text, const char **why)
{
	struct gen_options *o = options;
	char item[64];

	*why = "more addresses than 64";
	while (option_item(&text, item, sizeof(item))) {
		if (o->addresses_count == GEN_ADDRESSES_MAX ||
		    prefix_parse(item, &o->addresses[o->addresses_count++], why) != 0) {
			return -1;
		}
	}
	return 0;
}

static int set_binds(void *options, const char *text, const char **why)
{
	struct gen_options *o = options;
	char item[64];

	*why = "more addresses than 64";
	while (option_item(&text, item, sizeof(item))) {
		if (o->binds_count == GEN_ADDRESSES_MAX ||
		    address_parse(item, &o->binds[o->binds_count++], why) != 0) {
			return -1;
		}
	}
	return 0;
}

static int set_server(void *options, const char *text, const char **why)
{
	struct gen_options *o = options;

	o->has_server = true;
	return endpoint_parse(text, &o->server, why);
}

static int set_flood(void *options, const char *text, const char **why)
{
	struct gen_options *o = options;

	*why = flood_kind_words();
	return flood_kind_parse(text, &o->flood);
}

static int set_flood_from(void *options, const char *text, const char **why)
{
	struct gen_options *o = options;

	o->has_flood_from = true;
	return prefix_parse(text, &o->flood_from, why);
}

static int set_flood_target(void *options, const char *text, const char **why)
{
	struct gen_options *o = options;

	o->has_flood_target = true;
	return address_parse(text, &o->flood_target, why);
}

#define AT(member) offsetof(struct gen_options, member)

static const struct option_entry entries[] = {
	{.name = "kernel",
	 .kind = OPTION_FLAG,
	 .offset = AT(kernel),
	 .help = "kernel sockets instead of a DPDK port"},
	{.name = "bind",
	 .argument = "ADDR[,...]",
	 .kind = OPTION_CALL,
	 .call = set_binds,
	 .help = "source addresses of --kernel, taken in turn: one has\n"
		 "28,000 ports"},
	{.name = "device",
	 .argument = "DEVICE",
	 .kind = OPTION_TEXT,
	 .offset = AT(device),
	 .help = "EAL --vdev string (net_memif0,...; net_tap0,iface=...) or\n"
		 "PCI address"},
	{.name = "address",
	 .argument = "ADDR/LEN[,...]",
	 .kind = OPTION_CALL,
	 .call = set_addresses,
	 .help = "our addresses on the device, taken in turn"},
	{.name = "no-hugepages",
	 .kind = OPTION_FLAG,
	 .offset = AT(no_hugepages),
	 .help = "ordinary memory for DPDK"},
	{.name = "core",
	 .argument = "CPU",
	 .kind = OPTION_NUMBER,
	 .offset = AT(core),
	 .max = 1023,
	 .help = "where to run; default 1 with --device, anywhere with --kernel"},
	{.name = "server",
	 .argument = "ADDR:PORT",
	 .kind = OPTION_CALL,
	 .call = set_server,
	 .help = "where to publish; IPv6 in brackets"},
	{.name = "app",
	 .argument = "APP",
	 .kind = OPTION_TEXT,
	 .offset = AT(app),
	 .help = "default live"},
	{.name = "name",
	 .argument = "NAME",
	 .kind = OPTION_TEXT,
	 .offset = AT(name),
	 .help = "arrival number i publishes NAMEi; default gen"},
	{.name = "publishers",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(publishers),
	 .min = 1,
	 .max = GEN_PUBLISHERS_MAX,
	 .help = "default 10, at most 100000"},
	{.name = "concurrency",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(publishers),
	 .min = 1,
	 .max = GEN_PUBLISHERS_MAX,
	 .help = "the same, for --rate-publishes"},
	{.name = "ramp",
	 .argument = "PER_SECOND",
	 .kind = OPTION_NUMBER,
	 .offset = AT(ramp),
	 .max = 1000000,
	 .help = "connections started per second; default 0: at once, 256\n"
		 "being set up at a time"},
	{.name = "seconds",
	 .argument = "S",
	 .kind = OPTION_NUMBER,
	 .offset = AT(seconds),
	 .min = 1,
	 .max = 86400,
	 .help = "how long to measure once all publish; default 10"},
	{.name = "churn",
	 .argument = "SECONDS",
	 .kind = OPTION_NUMBER,
	 .offset = AT(churn_s),
	 .max = 86400,
	 .help = "mean lifetime, exponential; who leaves is replaced by a\n"
		 "new arrival"},
	{.name = "churn-publishers",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(churn_publishers),
	 .max = GEN_PUBLISHERS_MAX,
	 .help = "so many come and go, the others stay; default: all"},
	{.name = "rate-publishes",
	 .kind = OPTION_FLAG,
	 .offset = AT(rate_publishes),
	 .help = "connect, publish, close, again, --concurrency at a time;\n"
		 "handshakes with digest"},
	{.name = "silent",
	 .kind = OPTION_FLAG,
	 .offset = AT(silent),
	 .help = "publish, then send nothing"},
	{.name = "flv",
	 .argument = "FILE",
	 .kind = OPTION_TEXT,
	 .offset = AT(flv),
	 .help = "content, over and over at its own pace, instead of synthetic;\n"
		 "without marks"},
	{.name = "bitrate",
	 .argument = "KBPS",
	 .kind = OPTION_NUMBER,
	 .offset = AT(bitrate_kbps),
	 .max = 1000000,
	 .help = "payload of each publisher; default 0: as fast as TCP takes it"},
	{.name = "fps",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(fps),
	 .min = 1,
	 .max = 240,
	 .help = "frames per second, default 30; audio comes every 23 ms"},
	{.name = "video-only",
	 .kind = OPTION_FLAG,
	 .offset = AT(video_only),
	 .help = "no audio: at few frames per second little but large messages"},
	{.name = "gop",
	 .argument = "SECONDS",
	 .kind = OPTION_NUMBER,
	 .offset = AT(gop_s),
	 .min = 1,
	 .max = 60,
	 .help = "from keyframe to keyframe, default 2"},
	{.name = "message",
	 .argument = "BYTES",
	 .kind = OPTION_NUMBER,
	 .offset = AT(message),
	 .min = 64,
	 .max = 262144,
	 .help = "size of an inter frame without --bitrate; keyframes have\n"
		 "eight times that; default 4096"},
	{.name = "chunk-size",
	 .argument = "BYTES",
	 .kind = OPTION_NUMBER,
	 .offset = AT(chunk_size),
	 .min = 1,
	 .max = 0xffffff,
	 .help = "default 4096"},
	{.name = "burst",
	 .argument = "MS",
	 .kind = OPTION_NUMBER,
	 .offset = AT(burst_ms),
	 .max = 60000,
	 .help = "send this much of the media at once, then pause"},
	{.name = "slow",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(slow),
	 .max = GEN_PUBLISHERS_MAX,
	 .help = "so many publishers send a byte a millisecond, each in its own\n"
		 "segment"},
	{.name = "loss",
	 .argument = "PPM",
	 .kind = OPTION_NUMBER,
	 .offset = AT(loss_ppm),
	 .max = 1000000,
	 .help = "of the frames that --device receives and sends are lost"},
	{.name = "reorder",
	 .argument = "PPM",
	 .kind = OPTION_NUMBER,
	 .offset = AT(reorder_ppm),
	 .max = 1000000,
	 .help = "come up to 2 ms late"},
	{.name = "duplicate",
	 .argument = "PPM",
	 .kind = OPTION_NUMBER,
	 .offset = AT(duplicate_ppm),
	 .max = 1000000,
	 .help = "come twice"},
	{.name = "overflow",
	 .kind = OPTION_FLAG,
	 .offset = AT(overflow),
	 .help = "what the port has no room for is lost, as at the end of a wire;\n"
		 "default: it waits"},
	{.name = "flood",
	 .argument = "KIND",
	 .kind = OPTION_CALL,
	 .call = set_flood,
	 .help = "syn, ack, rst, fin, data or garbage with random numbers, over\n"
		 "--device, beside the publishers; or from connections of its\n"
		 "own: bytes, overlap, gaps or window; or neighbour: ARP\n"
		 "requests or neighbour solicitations"},
	{.name = "flood-from",
	 .argument = "ADDR/LEN",
	 .kind = OPTION_CALL,
	 .call = set_flood_from,
	 .help = "each segment of the flood from another address of these;\n"
		 "default: our first address, ports below 32768"},
	{.name = "flood-target",
	 .argument = "ADDR",
	 .kind = OPTION_CALL,
	 .call = set_flood_target,
	 .help = "whose link address neighbour asks for; default: the server's"},
	{.name = "flood-live",
	 .kind = OPTION_FLAG,
	 .offset = AT(flood_live),
	 .help = "in the name of connections of our publishers"},
	{.name = "flood-rate",
	 .argument = "PPS",
	 .kind = OPTION_NUMBER,
	 .offset = AT(flood_pps),
	 .min = 1,
	 .max = 100000000,
	 .help = "packets per second of the flood; default 10000"},
	{.name = "seed",
	 .argument = "N",
	 .kind = OPTION_LONG,
	 .offset = AT(seed),
	 .max = UINT64_MAX,
	 .help = "of everything random; default 1"},
	{.name = "json",
	 .argument = "FILE",
	 .kind = OPTION_TEXT,
	 .offset = AT(json),
	 .help = "the figures as one JSON object; \"-\" is standard output,\n"
		 "instead of text"},
};

static const struct option_program program = {
	.name = "penstock-gen",
	.synopsis = "--kernel | --device DEVICE --address ADDR/LEN --server ADDR:PORT [options]",
	.purpose = "RTMP publishers from one core, over kernel sockets or over a TCP stack in user "
		   "space\non a DPDK port.",
	.footer = "Exit status 1 when a publisher was refused or lost. See penstock-gen(1).",
	.entries = entries,
	.count = sizeof(entries) / sizeof(entries[0]),
};

static const char *contradiction(const struct gen_options *o)
{
	if (!o->has_server || o->server.port == 0) {
		return "--server is missing";
	}
	if (o->kernel == (o->device != NULL)) {
		return "either --kernel or --device";
	}
	if (o->device != NULL && o->addresses_count == 0) {
		return "--device needs --address";
	}
	if (strlen(o->name) > GEN_NAME_MAX) {
		return "--name is too long";
	}
	if (o->bitrate_kbps != 0 && o->message != 0) {
		return "either --bitrate or --message: sizes follow from the bitrate";
	}
	if (o->kernel && (o->loss_ppm | o->reorder_ppm | o->duplicate_ppm | (uint32_t)o->flood)) {
		return "--loss, --reorder, --duplicate and --flood need --device";
	}
	if (o->flood == FLOOD_NEIGHBOUR && !o->has_flood_from) {
		return "--flood neighbour needs --flood-from: who asks";
	}
	if (o->flood == FLOOD_NEIGHBOUR &&
	    address_is_v4(&o->flood_from.addr) !=
		    address_is_v4(o->has_flood_target ? &o->flood_target : &o->server.addr)) {
		return "--flood-from and --flood-target are of two families";
	}
	if (o->rate_publishes && o->churn_s != 0) {
		return "either --rate-publishes or --churn";
	}
	return NULL;
}

int gen_options_parse(struct gen_options *options, int argc, char *argv[])
{
	const char *why;
	int rc;

	*options = (struct gen_options){
		.app = "live",
		.name = "gen",
		.publishers = 10,
		.chunk_size = 4096,
		.seconds = 10,
		.fps = 30,
		.gop_s = 2,
		.seed = 1,
		.flood_pps = 10000,
		.core = UINT32_MAX,
	};
	rc = option_parse(&program, options, argc, argv);
	if (rc != 0) {
		return rc;
	}
	why = contradiction(options);
	return why == NULL ? 0 : option_complain(&program, why);
}
