#include "bench/gen/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: penstock-gen --device DEVICE --address ADDR/LEN --server ADDR:PORT [options]\n"
	"\n"
	"Publishes synthetic H.264 + AAC over RTMP from a TCP stack in user space on a DPDK port.\n"
	"\n"
	"  --device DEVICE     EAL --vdev string (net_memif0,...; net_tap0,iface=...) or PCI "
	"address\n"
	"  --address ADDR/LEN  our address\n"
	"  --server ADDR:PORT  where to publish; IPv6 in brackets\n"
	"  --app APP           default live\n"
	"  --name NAME         publisher number i publishes NAMEi; default gen\n"
	"  --publishers N      default 10, at most 10000\n"
	"  --chunk-size BYTES  default 4096\n"
	"  --message BYTES     size of an inter frame; keyframes have eight times that; default "
	"4096\n"
	"  --bitrate KBPS      of each publisher; default 0: as fast as TCP takes it\n"
	"  --seconds S         how long to publish; default 10\n"
	"  --core CPU          default 1\n"
	"  --help, --version\n"
	"\n"
	"Prints one JSON object. Exit status 1 when a publisher was refused or lost.\n";

enum option_code {
	OPT_DEVICE = 256,
	OPT_ADDRESS,
	OPT_SERVER,
	OPT_APP,
	OPT_NAME,
	OPT_PUBLISHERS,
	OPT_CHUNK_SIZE,
	OPT_MESSAGE,
	OPT_BITRATE,
	OPT_SECONDS,
	OPT_CORE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{"device", required_argument, NULL, OPT_DEVICE},
	{"address", required_argument, NULL, OPT_ADDRESS},
	{"server", required_argument, NULL, OPT_SERVER},
	{"app", required_argument, NULL, OPT_APP},
	{"name", required_argument, NULL, OPT_NAME},
	{"publishers", required_argument, NULL, OPT_PUBLISHERS},
	{"chunk-size", required_argument, NULL, OPT_CHUNK_SIZE},
	{"message", required_argument, NULL, OPT_MESSAGE},
	{"bitrate", required_argument, NULL, OPT_BITRATE},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"core", required_argument, NULL, OPT_CORE},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static int complain(const char *what)
{
	fprintf(stderr, "penstock-gen: %s (see --help)\n", what);
	return -1;
}

static int parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *value,
			const char *what)
{
	char *end;

	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || number < min ||
	    number > max) {
		return complain(what);
	}
	*value = (uint32_t)number;
	return 0;
}

/* "ADDR" as IPv6, IPv4 mapped. Returns the bits that a prefix length of its family is short of. */
static int parse_address(const char *text, struct in6_addr *addr)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(addr, 0, sizeof(*addr));
		addr->s6_addr[10] = 0xff;
		addr->s6_addr[11] = 0xff;
		memcpy(&addr->s6_addr[12], &v4, sizeof(v4));
		return 96;
	}
	return inet_pton(AF_INET6, text, addr) == 1 ? 0 : -1;
}

static int parse_prefix(const char *text, struct config_prefix *prefix)
{
	char copy[INET6_ADDRSTRLEN + 8];
	char *slash;
	uint32_t length;
	int mapped;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash == NULL) {
		return complain("--address wants ADDR/LEN");
	}
	*slash = '\0';
	mapped = parse_address(copy, &prefix->addr);
	if (mapped < 0 || parse_number(slash + 1, 0, 128 - (uint32_t)mapped, &length,
				       "--address has a bad prefix length") != 0) {
		return complain("--address is no IP address with prefix length");
	}
	prefix->length = (uint8_t)(length + (uint32_t)mapped);
	return 0;
}

static int parse_endpoint(const char *text, struct tcp_endpoint *endpoint)
{
	char copy[INET6_ADDRSTRLEN + 10];
	char *host = copy;
	char *colon;
	uint32_t port;

	snprintf(copy, sizeof(copy), "%s", text);
	colon = strrchr(copy, ':');
	if (colon == NULL || parse_number(colon + 1, 1, 65535, &port, "--server: bad port") != 0) {
		return complain("--server wants ADDR:PORT");
	}
	*colon = '\0';
	if (host[0] == '[' && colon > copy && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	}
	endpoint->port = (uint16_t)port;
	return parse_address(host, &endpoint->addr) < 0 ? complain("--server is no IP address") : 0;
}

static int apply(struct gen_options *o, int code)
{
	switch (code) {
	case OPT_DEVICE:
		o->device = optarg;
		return 0;
	case OPT_ADDRESS:
		o->address = optarg;
		return parse_prefix(optarg, &o->prefix);
	case OPT_SERVER:
		o->server = optarg;
		return parse_endpoint(optarg, &o->remote);
	case OPT_APP:
		o->app = optarg;
		return 0;
	case OPT_NAME:
		o->name = optarg;
		return strlen(optarg) < 200 ? 0 : complain("--name is too long");
	case OPT_PUBLISHERS:
		return parse_number(optarg, 1, 10000, &o->publishers, "--publishers: 1 to 10000");
	case OPT_CHUNK_SIZE:
		return parse_number(optarg, 1, 0xffffff, &o->chunk_size, "--chunk-size: too large");
	case OPT_MESSAGE:
		return parse_number(optarg, 64, 262144, &o->message, "--message: 64 to 262144");
	case OPT_BITRATE:
		return parse_number(optarg, 0, 1000000, &o->bitrate_kbps, "--bitrate: too large");
	case OPT_SECONDS:
		return parse_number(optarg, 1, 3600, &o->seconds, "--seconds: 1 to 3600");
	case OPT_CORE:
		return parse_number(optarg, 0, 1023, &o->core, "--core: too large");
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("penstock-gen " PENSTOCK_VERSION);
		return 1;
	default: /* getopt has said what is wrong */
		return -1;
	}
}

int gen_options_parse(struct gen_options *options, int argc, char *argv[])
{
	int code;

	*options = (struct gen_options){
		.app = "live",
		.name = "gen",
		.publishers = 10,
		.chunk_size = 4096,
		.message = 4096,
		.seconds = 10,
		.core = 1,
	};
	while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int rc = apply(options, code);
		if (rc != 0) {
			return rc;
		}
	}
	if (optind != argc) {
		return complain("arguments that are not options");
	}
	if (options->device == NULL || options->address == NULL || options->server == NULL) {
		return complain("--device, --address and --server are needed");
	}
	return 0;
}
