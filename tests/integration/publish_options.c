#include "publish_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

/* rtmp://host[:port]/app, host may be an IPv6 literal in brackets. */
static bool parse_url(struct options *o, const char *url)
{
	o->url = url;
	if (sscanf(url, "rtmp://[%255[^]]]:%15[0-9]/%255s", o->host, o->port, o->app) == 3 ||
	    sscanf(url, "rtmp://[%255[^]]]/%255s", o->host, o->app) == 2) {
		return true;
	}
	return sscanf(url, "rtmp://%255[^]:/[]:%15[0-9]/%255s", o->host, o->port, o->app) == 3 ||
	       sscanf(url, "rtmp://%255[^]:/[]/%255s", o->host, o->app) == 2;
}

static bool parse_chunk_sizes(struct options *o, const char *text)
{
	const char *at = text;

	o->chunk_sizes_count = 0;
	while (o->chunk_sizes_count < CHUNK_SIZES_MAX) {
		char *end = NULL;
		unsigned long size = strtoul(at, &end, 10);

		if (end == NULL || size == 0 || size > OUT_SIZE / 4) {
			return false;
		}
		o->chunk_sizes[o->chunk_sizes_count++] = (uint32_t)size;
		if (*end != ',') {
			return *end == '\0';
		}
		at = end + 1;
	}
	return false;
}

static int usage(void)
{
	fputs("usage: penstock-publish [options] rtmp://host[:port]/app NAME FILE.flv\n"
	      "       penstock-publish --marks [options] rtmp://host[:port]/app NAME\n"
	      "  -n, --count N       publishers at once; their names are NAME0, NAME1, ...\n"
	      "  -c, --chunk-size N[,N...]  bytes (128); publishers take turns\n"
	      "  -p, --pace          at the speed of the timestamps\n"
	      "  -q, --query TEXT    appended to the name after '?'\n"
	      "  -t, --timeout S     give up after so long (60)\n"
	      "  -m, --marks         synthetic content with a mark in every payload, paced, until\n"
	      "                      SIGTERM; then it ends the publishes in order\n"
	      "  -g, --gop MS        of synthetic content (1000)\n"
	      "  -k, --kbps N        of synthetic video (1000)\n"
	      "  -r, --reconnect     who loses its connection, or is refused, comes back\n"
	      "  -e, --enhanced      offers Enhanced RTMP; who gets a ReconnectRequest leaves\n"
	      "  -s, --status FILE   the report, rewritten four times a second\n",
	      stderr);
	return 2;
}

static bool apply(struct options *o, int code)
{
	uint32_t value = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

	switch (code) {
	case 'n':
		o->count = value;
		return value > 0 && value <= 4096;
	case 'c':
		return optarg != NULL && parse_chunk_sizes(o, optarg);
	case 'p':
		o->pace = true;
		return true;
	case 'q':
		o->query = optarg;
		return true;
	case 't':
		o->timeout_s = value;
		return true;
	case 'm':
		o->marks = true;
		o->pace = true;
		return true;
	case 'g':
		o->gop_ms = value;
		return value > 0 && value <= 60000;
	case 'k':
		o->kbps = value;
		return value > 0 && value <= 100000;
	case 'r':
		o->reconnect = true;
		return true;
	case 'e':
		o->enhanced = true;
		return true;
	case 's':
		o->status = optarg;
		return true;
	default:
		return false;
	}
}

int options_parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{"count", required_argument, NULL, 'n'},
		{"chunk-size", required_argument, NULL, 'c'},
		{"pace", no_argument, NULL, 'p'},
		{"query", required_argument, NULL, 'q'},
		{"timeout", required_argument, NULL, 't'},
		{"marks", no_argument, NULL, 'm'},
		{"gop", required_argument, NULL, 'g'},
		{"kbps", required_argument, NULL, 'k'},
		{"reconnect", no_argument, NULL, 'r'},
		{"enhanced", no_argument, NULL, 'e'},
		{"status", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){
		.port = "1935",
		.chunk_sizes = {128},
		.chunk_sizes_count = 1,
		.count = 1,
		.timeout_s = 60,
		.gop_ms = 1000,
		.kbps = 1000,
	};
	while ((c = getopt_long(argc, argv, "n:c:pq:t:mg:k:res:", longs, NULL)) != -1) {
		if (!apply(o, c)) {
			return usage();
		}
	}
	if (argc - optind != (o->marks ? 2 : 3) || !parse_url(o, argv[optind])) {
		return usage();
	}
	o->name = argv[optind + 1];
	o->file = argv[optind + 2]; /* NULL with --marks */
	return 0;
}
