/*
 * config_load(): what a good file becomes, and what each bad one is told, with its line.
 */
#include "config/config.h"

#include <arpa/inet.h>
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * In memory: file systems write a file out at once that is cut to nothing, written and closed, and
 * some thousand of these took half a minute on a busy disk.
 */
static int file = -1;
static char path[64];

static void write_file(const char *text, size_t len)
{
	CU_ASSERT_EQUAL(ftruncate(file, 0), 0);
	CU_ASSERT_EQUAL(pwrite(file, text, len, 0), (ssize_t)len);
}

static struct config *load_good(const char *text)
{
	struct config *config;
	struct config_error error = {.text = ""};

	write_file(text, strlen(text));
	if (config_load(path, &config, &error) != 0) {
		fprintf(stderr, "unexpected: %s\n", error.text);
		CU_FAIL_FATAL("the file was refused");
	}
	return config;
}

/* `expected` is the error without the file's name: ":LINE: ..." */
static void expect_error(const char *text, const char *expected)
{
	struct config *config;
	struct config_error error = {.text = ""};
	size_t prefix = strlen(path);

	write_file(text, strlen(text));
	int rc = config_load(path, &config, &error);
	CU_ASSERT_EQUAL(rc, -1);
	CU_ASSERT_PTR_NULL(config);
	if (strncmp(error.text, path, prefix) != 0 || strcmp(error.text + prefix, expected) != 0) {
		fprintf(stderr, "\n  file:     %.300s\n  expected: PATH%s\n  got:      %s\n", text,
			expected, error.text);
		CU_FAIL("another error");
	}
	if (rc == 0) {
		config_free(config);
	}
}

static void expect_address(const struct in6_addr *addr, const char *text)
{
	char got[INET6_ADDRSTRLEN];

	CU_ASSERT_PTR_NOT_NULL_FATAL(inet_ntop(AF_INET6, addr, got, sizeof(got)));
	CU_ASSERT_STRING_EQUAL(got, text);
}

static const char full[] =
	"run_dir: /tmp/p\n"
	"dataplane:\n"
	"  cores: [2, 0, 1023]\n"
	"  power: performance\n"
	"  hugepages: off\n"
	"  memory: {packets: 2048, connections: 1, streams: 65536, log_blocks: 64}\n"
	"  admission: {bitrate_kbps: 16, gop_ms: 60000}\n"
	"  per_source: {connections: 7, half_open: 8, rate: 9}\n"
	"  control_timeout_ms: 200\n"
	"  ports:\n"
	"    - device: \"0000:01:00.0\"\n"
	"      name: eth7\n"
	"      addresses: [192.0.2.7/24, \"2001:db8::7/64\"]\n"
	"      routes:\n"
	"        - {to: 0.0.0.0/0, via: 192.0.2.1}\n"
	"        - {to: \"::/0\", via: \"fe80::1\"}\n"
	"      mtu: 9000\n"
	"      vlan: 4094\n"
	"      ecn: false\n"
	"      mac: \"02:00:00:AB:cd:0f\"\n"
	"  rtmp:\n"
	"    listen: [1935, 443]\n"
	"    chunk_size: 128\n"
	"    window_ack_size: 4096\n"
	"    message_max: 16777215\n"
	"    handshake_timeout_s: 1\n"
	"    publish_timeout_s: 300\n"
	"    idle_timeout_s: 86400\n"
	"    decision_timeout_ms: 100\n"
	"    limits: {early_bytes: 8192, commands_per_s: 0, chunks_per_s: 100000000}\n"
	"  listen: {discard: 5001}\n"
	"control:\n"
	"  user: _penstock-1\n"
	"  log_level: debug\n"
	"apps:\n"
	"  - name: live/eu\n"
	"    open: true\n"
	"    keys: [{name: cam1, key: \"s3cret!\"}, {name: cam2, key: other}]\n"
	"    origins:\n"
	"      - url: rtmp://origin.example.net/live\n"
	"      - {url: \"rtmp://[2001:db8::1]:1936/a/b/c?d\", when_behind: skip,\n"
	"         behind_max_kib: 64}\n"
	"    gop_max_kib: 65\n"
	"    timestamps: repair\n"
	"  - name: closed\n";

static void test_full_file(void)
{
	struct config *c = load_good(full);

	CU_ASSERT_STRING_EQUAL(c->run_dir, "/tmp/p");
	CU_ASSERT_EQUAL_FATAL(c->dataplane.cores_count, 3);
	CU_ASSERT_EQUAL(c->dataplane.cores[0], 2);
	CU_ASSERT_EQUAL(c->dataplane.cores[2], 1023);
	CU_ASSERT_EQUAL(c->dataplane.power, CONFIG_POWER_PERFORMANCE);
	CU_ASSERT_EQUAL(c->dataplane.hugepages, CONFIG_HUGEPAGES_OFF);
	CU_ASSERT_EQUAL(c->dataplane.memory.packets, 2048);
	CU_ASSERT_EQUAL(c->dataplane.memory.connections, 1);
	CU_ASSERT_EQUAL(c->dataplane.memory.streams, 65536);
	CU_ASSERT_EQUAL(c->dataplane.memory.log_blocks, 64);
	CU_ASSERT_EQUAL(c->dataplane.admission.bitrate_kbps, 16);
	CU_ASSERT_EQUAL(c->dataplane.admission.gop_ms, 60000);
	CU_ASSERT_EQUAL(c->dataplane.per_source.connections, 7);
	CU_ASSERT_EQUAL(c->dataplane.per_source.half_open, 8);
	CU_ASSERT_EQUAL(c->dataplane.per_source.rate, 9);
	CU_ASSERT_EQUAL(c->dataplane.control_timeout_ms, 200);
	CU_ASSERT_STRING_EQUAL(c->control.user, "_penstock-1");
	CU_ASSERT_EQUAL(c->control.log_level, CONFIG_LOG_DEBUG);
	config_free(c);
}

static void test_full_port(void)
{
	static const uint8_t mac[6] = {2, 0, 0, 0xab, 0xcd, 0x0f};
	struct config *c = load_good(full);

	CU_ASSERT_EQUAL_FATAL(c->dataplane.ports_count, 1);
	const struct config_port *port = &c->dataplane.ports[0];
	CU_ASSERT_STRING_EQUAL(port->device, "0000:01:00.0");
	CU_ASSERT_STRING_EQUAL(port->name, "eth7");
	CU_ASSERT_EQUAL_FATAL(port->addresses_count, 2);
	expect_address(&port->addresses[0].addr, "::ffff:192.0.2.7");
	CU_ASSERT_EQUAL(port->addresses[0].length, 120);
	expect_address(&port->addresses[1].addr, "2001:db8::7");
	CU_ASSERT_EQUAL(port->addresses[1].length, 64);
	CU_ASSERT_EQUAL_FATAL(port->routes_count, 2);
	expect_address(&port->routes[0].to.addr, "::ffff:0.0.0.0");
	CU_ASSERT_EQUAL(port->routes[0].to.length, 96);
	expect_address(&port->routes[0].via, "::ffff:192.0.2.1");
	CU_ASSERT_EQUAL(port->routes[1].to.length, 0);
	CU_ASSERT_EQUAL(port->mtu, 9000);
	CU_ASSERT_EQUAL(port->vlan, 4094);
	CU_ASSERT_FALSE(port->ecn);
	CU_ASSERT_TRUE(port->has_mac);
	CU_ASSERT_EQUAL(memcmp(port->mac, mac, 6), 0);
	config_free(c);
}

static void test_full_rtmp(void)
{
	struct config *c = load_good(full);
	const struct config_rtmp *rtmp = &c->dataplane.rtmp;

	CU_ASSERT_EQUAL_FATAL(rtmp->listen_count, 2);
	CU_ASSERT_EQUAL(rtmp->listen[0], 1935);
	CU_ASSERT_EQUAL(rtmp->listen[1], 443);
	CU_ASSERT_EQUAL(rtmp->chunk_size, 128);
	CU_ASSERT_EQUAL(rtmp->window_ack_size, 4096);
	CU_ASSERT_EQUAL(rtmp->message_max, 16777215);
	CU_ASSERT_EQUAL(rtmp->handshake_timeout_s, 1);
	CU_ASSERT_EQUAL(rtmp->publish_timeout_s, 300);
	CU_ASSERT_EQUAL(rtmp->idle_timeout_s, 86400);
	CU_ASSERT_EQUAL(rtmp->decision_timeout_ms, 100);
	CU_ASSERT_EQUAL(rtmp->limits.early_bytes, 8192);
	CU_ASSERT_EQUAL(rtmp->limits.commands_per_s, 0);
	CU_ASSERT_EQUAL(rtmp->limits.chunks_per_s, 100000000);
	CU_ASSERT_EQUAL(rtmp->limits.bytes_per_chunk, 64);
	CU_ASSERT_EQUAL(c->dataplane.listen.discard, 5001);
	config_free(c);
}

static void test_full_apps(void)
{
	struct config *c = load_good(full);

	CU_ASSERT_EQUAL_FATAL(c->apps_count, 2);
	const struct config_app *app = &c->apps[0];
	CU_ASSERT_STRING_EQUAL(app->name, "live/eu");
	CU_ASSERT_TRUE(app->open);
	CU_ASSERT_EQUAL_FATAL(app->keys_count, 2);
	CU_ASSERT_STRING_EQUAL(app->keys[0].name, "cam1");
	CU_ASSERT_STRING_EQUAL(app->keys[0].key, "s3cret!");
	CU_ASSERT_EQUAL(app->gop_max_kib, 65);
	CU_ASSERT_EQUAL(app->timestamps, CONFIG_TIMESTAMPS_REPAIR);
	CU_ASSERT_EQUAL_FATAL(app->origins_count, 2);
	CU_ASSERT_STRING_EQUAL(app->origins[0].url, "rtmp://origin.example.net/live");
	CU_ASSERT_STRING_EQUAL(app->origins[0].host, "origin.example.net");
	CU_ASSERT_EQUAL(app->origins[0].port, 1935);
	CU_ASSERT_STRING_EQUAL(app->origins[0].app, "live");
	CU_ASSERT_PTR_NULL(app->origins[0].name);
	CU_ASSERT_EQUAL(app->origins[0].behind_max_kib, 8192);
	CU_ASSERT_STRING_EQUAL(app->origins[1].host, "2001:db8::1");
	CU_ASSERT_EQUAL(app->origins[1].port, 1936);
	CU_ASSERT_STRING_EQUAL(app->origins[1].app, "a");
	CU_ASSERT_STRING_EQUAL(app->origins[1].name, "b/c?d");
	CU_ASSERT_EQUAL(app->origins[1].behind_max_kib, 64);
	/* Neither keys nor open: legal, and refuses every publish. */
	CU_ASSERT_FALSE(c->apps[1].open);
	CU_ASSERT_EQUAL(c->apps[1].keys_count, 0);
	CU_ASSERT_EQUAL(c->apps[1].gop_max_kib, 32768);
	CU_ASSERT_EQUAL(c->apps[1].timestamps, CONFIG_TIMESTAMPS_PASS);
	config_free(c);
}

/* What one source may have follows the connections that there are, unless it is given. */
static void test_source_share(void)
{
	static const struct {
		const char *text;
		uint32_t connections;
	} cases[] = {
		{"dataplane: {memory: {connections: 4}}\n", 16},
		{"dataplane: {memory: {connections: 400}}\n", 100},
		{"dataplane: {memory: {connections: 400}, per_source: {connections: 0}}\n", 0},
		{"dataplane: {per_source: {connections: 5}}\n", 5},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *c = load_good(cases[i].text);

		CU_ASSERT_EQUAL(c->dataplane.per_source.connections, cases[i].connections);
		CU_ASSERT_EQUAL(c->dataplane.per_source.rate, 200);
		CU_ASSERT_EQUAL(c->dataplane.per_source.by_default,
				strstr(cases[i].text, "per_source") == NULL);
		config_free(c);
	}
}

static void test_defaults(void)
{
	struct config *c = load_good("control: {}\n");
	const struct config_dataplane *d = &c->dataplane;

	CU_ASSERT_STRING_EQUAL(c->run_dir, "/run/penstock");
	CU_ASSERT_EQUAL_FATAL(d->cores_count, 1);
	CU_ASSERT_EQUAL(d->cores[0], 0);
	CU_ASSERT_EQUAL(d->power, CONFIG_POWER_ADAPTIVE);
	CU_ASSERT_EQUAL(d->hugepages, CONFIG_HUGEPAGES_AUTO);
	CU_ASSERT_EQUAL(d->memory.packets, 65535);
	CU_ASSERT_EQUAL(d->memory.connections, 4096);
	CU_ASSERT_EQUAL(d->memory.streams, 1024);
	CU_ASSERT_EQUAL(d->memory.log_blocks, 8192);
	CU_ASSERT_EQUAL(d->memory.window_max_kib, 16384);
	CU_ASSERT_EQUAL(d->memory.windows_mib, 0);
	CU_ASSERT_EQUAL(d->admission.bitrate_kbps, 6000);
	CU_ASSERT_EQUAL(d->admission.gop_ms, 2000);
	CU_ASSERT_EQUAL(d->per_source.connections, 1024);
	CU_ASSERT_EQUAL(d->per_source.half_open, 256);
	CU_ASSERT_EQUAL(d->per_source.rate, 200);
	CU_ASSERT_EQUAL(d->control_timeout_ms, 2000);
	CU_ASSERT_EQUAL_FATAL(d->ports_count, 1);
	CU_ASSERT_STRING_EQUAL(d->ports[0].device, "tap");
	CU_ASSERT_STRING_EQUAL(d->ports[0].name, "penstock0");
	CU_ASSERT_EQUAL_FATAL(d->ports[0].addresses_count, 1);
	expect_address(&d->ports[0].addresses[0].addr, "::ffff:198.18.0.2");
	CU_ASSERT_EQUAL(d->ports[0].mtu, 1500);
	CU_ASSERT_EQUAL(d->ports[0].vlan, 0);
	CU_ASSERT(d->ports[0].ecn);
	CU_ASSERT_FALSE(d->ports[0].has_mac);
	CU_ASSERT_EQUAL_FATAL(d->rtmp.listen_count, 1);
	CU_ASSERT_EQUAL(d->rtmp.listen[0], 1935);
	CU_ASSERT_EQUAL(d->rtmp.chunk_size, 4096);
	CU_ASSERT_EQUAL(d->rtmp.window_ack_size, 2500000);
	CU_ASSERT_EQUAL(d->rtmp.message_max, 4194304);
	CU_ASSERT_EQUAL(d->rtmp.decision_timeout_ms, 3000);
#define LIMIT_DEFAULT(key, least, most, unset) CU_ASSERT_EQUAL(d->rtmp.limits.key, unset);
	CONFIG_LIMITS(LIMIT_DEFAULT)
#undef LIMIT_DEFAULT
	CU_ASSERT_EQUAL(d->listen.discard, 0);
	CU_ASSERT_STRING_EQUAL(c->control.user, "nobody");
	CU_ASSERT_EQUAL(c->control.log_level, CONFIG_LOG_INFO);
	CU_ASSERT_EQUAL(c->apps_count, 0);
	config_free(c);
}

static void test_example(void)
{
	struct config *c;
	struct config_error error = {.text = ""};

	CU_ASSERT_EQUAL_FATAL(config_load(EXAMPLE, &c, &error), 0);
	CU_ASSERT_EQUAL(c->apps_count, 1);
	config_free(c);
}

/* The manual page names every key, and its example is good. */
static void test_manual(void)
{
	static const char *const keys[] = {"run_dir",
					   "cores",
					   "power",
					   "hugepages",
					   "packets",
					   "connections",
					   "streams",
					   "log_blocks",
					   "window_max_kib",
					   "windows_mib",
					   "bitrate_kbps",
					   "gop_ms",
					   "control_timeout_ms",
					   "device",
					   "name",
					   "addresses",
					   "routes",
					   "to",
					   "via",
					   "mtu",
					   "mac",
					   "listen",
					   "chunk_size",
					   "window_ack_size",
					   "message_max",
					   "handshake_timeout_s",
					   "publish_timeout_s",
					   "idle_timeout_s",
					   "decision_timeout_ms",
					   "limits",
					   "admission",
					   "video_codecs",
					   "audio_codecs",
					   "resolution_max",
#define LIMIT_KEY(key, least, most, unset) #key,
					   CONFIG_STREAM_LIMITS(LIMIT_KEY) CONFIG_LIMITS(LIMIT_KEY)
#undef LIMIT_KEY
						   "discard",
					   "user",
					   "log_level",
					   "apps",
					   "open",
					   "keys",
					   "key",
					   "origins",
					   "url",
					   "when_behind",
					   "behind_max_kib",
					   "gop_max_kib",
					   "timestamps"};
	char text[32768];
	FILE *f = fopen(MANUAL, "r");

	if (f == NULL) {
		CU_FAIL_FATAL("there is no manual page");
		abort();
	}
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		CU_ASSERT_PTR_NOT_NULL(strstr(text, keys[i]));
	}
	char *example = strstr(text, ".nf\n");
	char *end = strstr(text, ".fi\n");
	CU_ASSERT_FATAL(example != NULL && end != NULL && example < end);
	*end = '\0';
	config_free(load_good(example + 4));
}

static void test_unknown_keys(void)
{
	static const char *const cases[][2] = {
		{"run_dir: /a\n\nbad: 1\n", ":3: unknown key \"bad\" in the file"},
		{"dataplane:\n  cores: [1]\n  bad: 1\n", ":3: unknown key \"bad\" in dataplane"},
		{"dataplane:\n  memory:\n    bad: 1\n",
		 ":3: unknown key \"bad\" in dataplane.memory"},
		{"dataplane:\n  ports:\n    - device: tap\n      bad: 1\n",
		 ":4: unknown key \"bad\" in dataplane.ports[0]"},
		{"dataplane:\n  ports:\n    - device: tap\n      addresses: [10.0.0.1/8]\n"
		 "      routes:\n        - {to: 0.0.0.0/0,\n           bad: 1}\n",
		 ":7: unknown key \"bad\" in dataplane.ports[0].routes[0]"},
		{"dataplane:\n  rtmp:\n    listen: [1]\n    bad: 1\n",
		 ":4: unknown key \"bad\" in dataplane.rtmp"},
		{"dataplane:\n  listen:\n    bad: 1\n",
		 ":3: unknown key \"bad\" in dataplane.listen"},
		{"control:\n  bad: 1\n", ":2: unknown key \"bad\" in control"},
		{"apps:\n  - name: a\n  - name: b\n    bad: 1\n",
		 ":4: unknown key \"bad\" in apps[1]"},
		{"apps:\n  - name: a\n    keys:\n      - name: x\n        bad: y\n",
		 ":5: unknown key \"bad\" in apps[0].keys[0]"},
		{"apps:\n  - name: a\n    origins:\n      - url: rtmp://a/b\n        bad: y\n",
		 ":5: unknown key \"bad\" in apps[0].origins[0]"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_error(cases[i][0], cases[i][1]);
	}
}

static void test_shape(void)
{
	static const char *const cases[][2] = {
		{"", ": file is empty"},
		{"# nothing\n", ": file is empty"},
		{"a: [\n", ":2: not valid YAML: did not find expected node content"},
		{"run_dir: /a\n---\nrun_dir: /b\n", ":3: a second YAML document"},
		{"run_dir: /a\ncontrol: {}\nrun_dir: /b\n", ":3: second \"run_dir\" in the file"},
		{"apps:\n  - open: true\n", ":2: missing key \"name\" in apps[0]"},
		{"apps:\n  - name: &x a\n  - name: *x\n",
		 ":2: apps[1].name: YAML aliases are not supported"},
		{"dataplane:\n  ports:\n    - device: tap\n",
		 ":3: missing key \"addresses\" in dataplane.ports[0]"},
		{"dataplane:\n  ports: []\n",
		 ":2: dataplane.ports: insufficient entries (0 of 1 min) in sequence"},
		{"apps:\n  - name:\n", ":2: apps[0].name: is empty"},
		/* CYAML_BOOL would have taken this for true and opened the application. */
		{"apps:\n  - name: a\n    open: flase\n",
		 ":3: apps[0].open: invalid ENUM value: flase"},
		{"control:\n  log_level: 3\n", ":2: control.log_level: invalid ENUM value: 3"},
		{"dataplane:\n  memory:\n    streams: many\n",
		 ":3: dataplane.memory.streams: invalid uint64_t value: 'many'"},
		{"dataplane:\n  memory:\n    streams: -1\n",
		 ":3: dataplane.memory.streams: invalid UINT value: '-1'"},
		{"dataplane:\n  memory:\n    streams: 4294967297\n",
		 ":3: dataplane.memory.streams: invalid UINT value: '4294967297'"},
		{"apps: live\n", ":1: apps: expecting SEQUENCE, got event: SCALAR"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_error(cases[i][0], cases[i][1]);
	}
}

static void test_values(void)
{
	static const char *const cases[][2] = {
		{"run_dir: run\n", ":1: run_dir: not an absolute path"},
		{"control:\n  user: a b\n", ":2: control.user: not a user name"},
		{"dataplane:\n  cores:\n    - 1\n    - 1\n",
		 ":4: dataplane.cores[1]: CPU is named twice: each worker needs its own"},
		{"dataplane: {cores: [1024]}\n",
		 ":1: dataplane.cores[0]: CPU number is above 1023"},
		{"dataplane:\n  rtmp:\n    listen: [0]\n",
		 ":3: dataplane.rtmp.listen[0]: not a port from 1 to 65535"},
		{"dataplane:\n  rtmp:\n    listen: [65536]\n",
		 ":3: dataplane.rtmp.listen[0]: not a port from 1 to 65535"},
		{"dataplane:\n  rtmp:\n    listen: [5, 5]\n",
		 ":3: dataplane.rtmp.listen[1]: port appears twice"},
		{"dataplane:\n  listen: {discard: 65536}\n",
		 ":2: dataplane.listen.discard: 65536 is not between 1 and 65535"},
		{"dataplane:\n  rtmp:\n    listen: [5]\n  listen: {discard: 5}\n",
		 ":4: dataplane.listen.discard: port is one of rtmp.listen"},
		{"apps:\n  - name: a\n\n  - name: a\n",
		 ":4: apps[1].name: application appears twice"},
		{"apps:\n  - name: a b\n",
		 ":2: apps[0].name: not an application name (letters, digits, - . _ ~ /)"},
		{"apps:\n  - name: a//b\n",
		 ":2: apps[0].name: not an application name (letters, digits, - . _ ~ /)"},
		{"apps:\n  - name: a\n    keys:\n      - {name: x, key: k}\n      - {name: x, key: "
		 "l}\n",
		 ":5: apps[0].keys[1].name: appears twice in the application"},
		{"apps:\n  - name: a\n    keys:\n      - {name: x, key: k}\n      - {name: y, key: "
		 "k}\n",
		 ":5: apps[0].keys[1].key: appears twice in the application"},
		{"apps:\n  - name: a\n    keys:\n      - {name: x/y, key: k}\n",
		 ":4: apps[0].keys[0].name: not a stream name (letters, digits, - . _ ~)"},
		{"apps:\n  - name: a\n    keys:\n      - {name: x, key: \"k?\"}\n",
		 ":4: apps[0].keys[0].key: has bytes that a stream key cannot have"},
		{"apps:\n  - name: a\n    origins:\n      - {url: \"rtmps://a/b\"}\n",
		 ":4: apps[0].origins[0].url: not an rtmp:// URL (other schemes are not "
		 "supported)"},
		{"apps:\n  - name: a\n    origins:\n      - {url: \"rtmp://a/b\"}\n"
		 "      - {url: \"rtmp://a/b\"}\n",
		 ":5: apps[0].origins[1].url: appears twice in the application"},
		{"apps:\n  - name: a\n    origins:\n      - url: rtmp://a/b\n"
		 "        when_behind: backpressure\n",
		 ":5: apps[0].origins[0].when_behind: backpressure is not supported yet, only "
		 "skip"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_error(cases[i][0], cases[i][1]);
	}
}

static void test_port_values(void)
{
	static const char *const cases[][2] = {
		{"addresses: [10.0.0.1]",
		 ".addresses[0]: prefix length is missing (\"192.0.2.1/24\")"},
		{"addresses: [10.0.0.1/33]",
		 ".addresses[0]: prefix length is not a number from 0 to 32"},
		{"addresses: [10.0.0.1/0]", ".addresses[0]: prefix length is 0"},
		{"addresses: [10.0.0/8]", ".addresses[0]: not an IPv4 or IPv6 address"},
		{"addresses: [224.0.0.1/8]", ".addresses[0]: not an address that a host can have"},
		{"addresses: [\"ff02::1/64\"]",
		 ".addresses[0]: not an address that a host can have"},
		{"addresses: [10.0.0.1/8, 10.0.0.1/16]", ".addresses[1]: address appears twice"},
		{"addresses: [10.0.0.1/8], routes: [{to: 10.0.0.1/8, via: 10.0.0.2}]",
		 ".routes[0].to: has bits set beyond its prefix length"},
		{"addresses: [10.0.0.1/8], routes: [{to: \"::/0\", via: 10.0.0.2}]",
		 ".routes[0].via: not of the same family as \"to\""},
		{"addresses: [10.0.0.1/8], routes: [{to: 0.0.0.0/0, via: 0.0.0.0}]",
		 ".routes[0].via: not an address that a host can have"},
		{"addresses: [10.0.0.1/8], mtu: 1279", ".mtu: 1279 is not between 1280 and 9000"},
		{"addresses: [10.0.0.1/8], vlan: 0", ".vlan: 0 is not between 1 and 4094"},
		{"addresses: [10.0.0.1/8], vlan: 4095", ".vlan: 4095 is not between 1 and 4094"},
		{"addresses: [10.0.0.1/8], mac: \"01:00:00:00:00:01\"",
		 ".mac: MAC address is a group address or all zeros"},
		{"addresses: [10.0.0.1/8], mac: \"02-00-00-00-00-01\"",
		 ".mac: not a MAC address (\"02:00:00:00:00:01\")"},
		{"addresses: [10.0.0.1/8], name: abcdefghijklmnop",
		 ".name: not an interface name (at most 15 bytes, no / : ,)"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[300];
		char expected[200];
		snprintf(text, sizeof(text), "dataplane:\n  ports:\n    - {device: tap, %s}\n",
			 cases[i][0]);
		snprintf(expected, sizeof(expected), ":3: dataplane.ports[0]%s", cases[i][1]);
		expect_error(text, expected);
	}
	expect_error("dataplane:\n  ports: [{device: af_packet, addresses: [10.0.0.1/8]}]\n",
		     ":2: dataplane.ports[0].name: is missing: af_packet takes over an interface "
		     "by name");
}

/* Each number at both ends of its range and one beyond. */
static void test_ranges(void)
{
	static const struct {
		const char *before; /* of the number */
		const char *where;
		const char *after;
		uint32_t min;
		uint32_t max;
	} cases[] = {
		{"dataplane: {memory: {packets: ", "dataplane.memory.packets", "}}", 2048,
		 1u << 22},
		{"dataplane: {memory: {connections: ", "dataplane.memory.connections", "}}", 1,
		 1u << 20},
		{"dataplane: {memory: {streams: ", "dataplane.memory.streams", "}}", 1, 1u << 16},
		{"dataplane: {memory: {log_blocks: ", "dataplane.memory.log_blocks", "}}", 64,
		 1u << 20},
		{"dataplane: {memory: {window_max_kib: ", "dataplane.memory.window_max_kib", "}}",
		 1024, 1u << 20},
		{"dataplane: {memory: {windows_mib: ", "dataplane.memory.windows_mib", "}}", 1,
		 1u << 20},
		{"dataplane: {admission: {bitrate_kbps: ", "dataplane.admission.bitrate_kbps", "}}",
		 16, 1000000},
		{"dataplane: {admission: {gop_ms: ", "dataplane.admission.gop_ms", "}}", 100,
		 60000},
		{"dataplane: {per_source: {connections: ", "dataplane.per_source.connections", "}}",
		 0, 1u << 20},
		{"dataplane: {per_source: {half_open: ", "dataplane.per_source.half_open", "}}", 0,
		 65535},
		{"dataplane: {per_source: {rate: ", "dataplane.per_source.rate", "}}", 0, 65535},
		{"dataplane: {control_timeout_ms: ", "dataplane.control_timeout_ms", "}", 200,
		 60000},
		{"dataplane: {rtmp: {chunk_size: ", "dataplane.rtmp.chunk_size", "}}", 128, 65536},
		{"dataplane: {rtmp: {window_ack_size: ", "dataplane.rtmp.window_ack_size", "}}",
		 4096, INT32_MAX},
		{"dataplane: {rtmp: {message_max: ", "dataplane.rtmp.message_max", "}}", 4096,
		 (1u << 24) - 1},
		{"dataplane: {rtmp: {handshake_timeout_s: ", "dataplane.rtmp.handshake_timeout_s",
		 "}}", 1, 300},
		{"dataplane: {rtmp: {publish_timeout_s: ", "dataplane.rtmp.publish_timeout_s", "}}",
		 1, 300},
		{"dataplane: {rtmp: {idle_timeout_s: ", "dataplane.rtmp.idle_timeout_s", "}}", 1,
		 86400},
		{"dataplane: {rtmp: {decision_timeout_ms: ", "dataplane.rtmp.decision_timeout_ms",
		 "}}", 100, 60000},
#define LIMIT_CASE(key, least, most, unset)                                                     \
	{"dataplane: {rtmp: {limits: {" #key ": ", "dataplane.rtmp.limits." #key, "}}}", least, \
	 most},
		CONFIG_LIMITS(LIMIT_CASE)
#undef LIMIT_CASE
#define LIMIT_CASE(key, least, most, unset) \
	{"apps: [{name: a, admission: {" #key ": ", "apps[0].admission." #key, "}}]", least, most},
			CONFIG_STREAM_LIMITS(LIMIT_CASE)
#undef LIMIT_CASE
				{"apps: [{name: a, gop_max_kib: ", "apps[0].gop_max_kib", "}]", 64,
				 1u << 22},
		{"apps: [{name: a, origins: [{url: \"rtmp://h/a\", behind_max_kib: ",
		 "apps[0].origins[0].behind_max_kib", "}]}]", 64, 1u << 20},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t good[] = {cases[i].min, cases[i].max};
		const uint32_t bad[] = {cases[i].min - 1, cases[i].max + 1};
		for (size_t k = 0; k < 2; k++) {
			char text[200];
			char expected[200];
			snprintf(text, sizeof(text), "%s%u%s\n", cases[i].before, good[k],
				 cases[i].after);
			config_free(load_good(text));
			snprintf(text, sizeof(text), "%s%u%s\n", cases[i].before, bad[k],
				 cases[i].after);
			snprintf(expected, sizeof(expected), ":1: %s: %u is not between %u and %u",
				 cases[i].where, bad[k], cases[i].min, cases[i].max);
			expect_error(text, expected);
		}
	}
}

static void test_admission(void)
{
	struct config *c = load_good("apps:\n"
				     "  - name: a\n"
				     "    admission:\n"
				     "      video_codecs: [avc1, hvc1]\n"
				     "      audio_codecs: [mp4a, .mp3, ac-3]\n"
				     "      resolution_max: 1080x1920\n"
				     "      bitrate_max_kbps: 8000\n"
				     "  - name: b\n");
	const struct config_stream_limits *limits = &c->apps[0].admission;

	CU_ASSERT_EQUAL_FATAL(limits->video_codecs_count, 2);
	CU_ASSERT_EQUAL(limits->video_codecs[0], 0x61766331);
	CU_ASSERT_EQUAL_FATAL(limits->audio_codecs_count, 3);
	CU_ASSERT_EQUAL(limits->audio_codecs[2], 0x61632d33);
	CU_ASSERT_EQUAL(limits->long_side_max, 1920);
	CU_ASSERT_EQUAL(limits->short_side_max, 1080);
	CU_ASSERT_EQUAL(limits->bitrate_max_kbps, 8000);
	CU_ASSERT_EQUAL(limits->bitrate_window_s, 10);
	CU_ASSERT_EQUAL(c->apps[1].admission.video_codecs_count, 0);
	CU_ASSERT_EQUAL(c->apps[1].admission.long_side_max, 0);
	config_free(c);
	expect_error("apps: [{name: a, admission: {video_codecs: [avc1, h264]}}]\n",
		     ":1: apps[0].admission.video_codecs[1]: not the FourCC of a codec "
		     "(penstock.yaml(5) has them)");
	expect_error("apps: [{name: a, admission: {audio_codecs: [avc1]}}]\n",
		     ":1: apps[0].admission.audio_codecs[0]: not the FourCC of a codec "
		     "(penstock.yaml(5) has them)");
	static const char *const sizes[] = {"1920", "x",       "1920x",      "0x1080",
					    "-1x2", "70000x1", "1920x1080p", "1920 x 1080"};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char text[120];

		snprintf(text, sizeof(text), "apps: [{name: a, admission: {resolution_max: %s}}]\n",
			 sizes[i]);
		expect_error(text, ":1: apps[0].admission.resolution_max: not a resolution "
				   "(\"1920x1080\")");
	}
}

/* Text with `count` times `entry`, %zu in it being the index. */
static char *repeat(const char *head, const char *entry, size_t count, const char *tail)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(head, f);
	for (size_t i = 0; i < count; i++) {
		fprintf(f, "%s%s%zu%s", i > 0 ? ", " : "", entry, i, tail);
	}
	fputs("]\n", f);
	CU_ASSERT_EQUAL(fclose(f), 0);
	return text;
}

static void test_counts(void)
{
	char *text = repeat("apps: [", "{name: a", 1024, "}");
	struct config *c = load_good(text);

	CU_ASSERT_EQUAL(c->apps_count, 1024);
	config_free(c);
	free(text);
	text = repeat("apps: [", "{name: a", 1025, "}");
	expect_error(text, ":1: apps: excessive entries (1024 max) in sequence");
	free(text);
	text = repeat("dataplane:\n  cores: [", "", 65, "");
	expect_error(text, ":2: dataplane.cores: excessive entries (64 max) in sequence");
	free(text);
}

/* A stream key must not come back in an error, whatever is wrong with it. */
static void test_keys_stay_secret(void)
{
	static const char *const values[] = {"hushhush?", "hush hush", "\"hush\\nhush\"",
					     "[hushhush]", "{hushhush: 1}"};
	char text[1200];
	char key[600];
	struct config *config;
	struct config_error error;

	for (size_t i = 0; i <= sizeof(values) / sizeof(values[0]); i++) {
		const char *value = key;
		memset(key, 0, sizeof(key));
		for (size_t k = 0; k < 520; k++) {
			key[k] = "hush"[k % 4];
		}
		if (i < sizeof(values) / sizeof(values[0])) {
			value = values[i];
		}
		snprintf(text, sizeof(text), "apps:\n  - name: a\n    keys: [{name: x, key: %s}]\n",
			 value);
		write_file(text, strlen(text));
		CU_ASSERT_EQUAL_FATAL(config_load(path, &config, &error), -1);
		CU_ASSERT_PTR_NULL(strstr(error.text, "hush"));
		CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ":3: apps[0].keys[0].key: "));
	}
}

static void test_control_characters(void)
{
	struct config *config;
	struct config_error error;
	static const char *const texts[] = {"\"\\e[31m\": 1\n", "\"\\x9b31m\": 1\n",
					    "control: {log_level: \"\\u202e\"}\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(texts[i], strlen(texts[i]));
		CU_ASSERT_EQUAL_FATAL(config_load(path, &config, &error), -1);
		for (const char *p = error.text; *p != '\0'; p++) {
			CU_ASSERT_TRUE(*p >= ' ' && *p <= '~');
		}
	}
}

static void test_files(void)
{
	struct config *config;
	struct config_error error;
	size_t len = (4u << 20) + 1;
	char *big = malloc(len);

	CU_ASSERT_EQUAL(config_load("/nonexistent/x.yaml", &config, &error), -1);
	CU_ASSERT_STRING_EQUAL(error.text, "/nonexistent/x.yaml: No such file or directory");
	CU_ASSERT_EQUAL(config_load("/", &config, &error), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "Is a directory"));
	if (big == NULL) {
		CU_FAIL_FATAL("out of memory");
		abort();
	}
	memset(big, '#', len);
	write_file(big, len);
	CU_ASSERT_EQUAL(config_load(path, &config, &error), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "longer than"));
	free(big);
	config_free(NULL);
}

/* Every prefix of a good file: an error or a configuration, never a crash. */
static void test_truncations(void)
{
	struct config *config;
	struct config_error error;

	for (size_t len = 0; len < sizeof(full) - 1; len++) {
		write_file(full, len);
		if (config_load(path, &config, &error) == 0) {
			config_free(config);
		} else {
			CU_ASSERT_PTR_NULL(config);
			CU_ASSERT_EQUAL(strncmp(error.text, path, strlen(path)), 0);
		}
	}
}

/* The nth allocation of ours fails. */
static long allocations_left = -1;

void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *text);

static bool allocation_fails(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *text)
{
	return allocation_fails() ? NULL : __real_strdup(text);
}

static void test_out_of_memory(void)
{
	struct config *config;
	struct config_error error;
	long n = 0;
	int rc = -1;

	write_file(full, strlen(full));
	for (; rc != 0 && n < 1000; n++) {
		allocations_left = n;
		rc = config_load(path, &config, &error);
		bool failed = allocations_left < 0;
		allocations_left = -1;
		if (rc == 0) {
			CU_ASSERT_FALSE(failed);
			config_free(config);
		} else {
			CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "out of memory"));
		}
	}
	CU_ASSERT_EQUAL(rc, 0);
	CU_ASSERT_TRUE(n > 20);
}

static void test_play(void)
{
	struct config *config = load_good("apps: [{name: a}]\n");

	CU_ASSERT_EQUAL(config->dataplane.play.players, 0); /* nobody may */
	CU_ASSERT_FALSE(config->apps[0].play.allowed);
	config_free(config);
	config = load_good("apps:\n  - name: a\n    play: {key: k1}\n");
	CU_ASSERT_EQUAL(config->dataplane.play.players, 32);
	CU_ASSERT_EQUAL(config->dataplane.play.memory_mib, 16);
	CU_ASSERT_EQUAL(config->dataplane.play.player_kib, 2048);
	CU_ASSERT_EQUAL(config->dataplane.play.lag_max_ms, 5000);
	CU_ASSERT_EQUAL(config->dataplane.play.behind_max_ms, 20000);
	CU_ASSERT_TRUE(config->apps[0].play.allowed);
	CU_ASSERT_STRING_EQUAL(config->apps[0].play.key, "k1");
	CU_ASSERT_EQUAL(config->apps[0].play.max_players, 8);
	config_free(config);
	config = load_good("dataplane:\n  play: {players: 256, memory_mib: 1, player_kib: 64, "
			   "lag_max_ms: 100, behind_max_ms: 0}\n"
			   "apps:\n  - name: a\n    play:\n      max_players: 1\n"
			   "      addresses: [192.0.2.0/24, \"fd00::/8\"]\n");
	CU_ASSERT_EQUAL(config->dataplane.play.players, 256);
	CU_ASSERT_EQUAL(config->dataplane.play.memory_mib, 1);
	CU_ASSERT_EQUAL(config->dataplane.play.behind_max_ms, 0);
	CU_ASSERT_PTR_NULL(config->apps[0].play.key);
	CU_ASSERT_EQUAL(config->apps[0].play.addresses_count, 2);
	CU_ASSERT_EQUAL(config->apps[0].play.addresses[1].length, 8);
	config_free(config);
	/* 64 KiB for each are half of it. */
	config = load_good("dataplane: {cores: [1, 2, 3, 4, 5], play: {players: 33}}\n"
			   "apps:\n  - name: a\n    play: {key: k1}\n");
	CU_ASSERT_EQUAL(config->dataplane.play.memory_mib, 21);
	config_free(config);
}

static void test_play_errors(void)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{"apps:\n  - name: a\n    play: {max_players: 3}\n",
		 ":3: apps[0].play: needs a key, or addresses that may play without one"},
		{"apps:\n  - name: a\n    play: {key: \"a b\"}\n",
		 ":3: apps[0].play.key: has bytes that a stream key cannot have"},
		{"apps:\n  - name: a\n    play: {addresses: [10.0.0.1/8]}\n",
		 ":3: apps[0].play.addresses[0]: has bits set beyond its prefix length"},
		{"apps:\n  - name: a\n    play: {key: k, max_players: 0}\n",
		 ":3: apps[0].play.max_players: 0 is not between 1 and 65536"},
		{"dataplane:\n  play: {players: 257}\n",
		 ":2: dataplane.play.players: 257 is not between 1 and 256"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_error(rows[i].text, rows[i].error);
	}
}

int main(void)
{
	file = memfd_create("config", MFD_CLOEXEC);
	if (CU_initialize_registry() != CUE_SUCCESS || file < 0) {
		return 1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	CU_pSuite suite = CU_add_suite("config", NULL, NULL);
	CU_ADD_TEST(suite, test_full_file);
	CU_ADD_TEST(suite, test_full_port);
	CU_ADD_TEST(suite, test_full_rtmp);
	CU_ADD_TEST(suite, test_full_apps);
	CU_ADD_TEST(suite, test_defaults);
	CU_ADD_TEST(suite, test_source_share);
	CU_ADD_TEST(suite, test_example);
	CU_ADD_TEST(suite, test_manual);
	CU_ADD_TEST(suite, test_unknown_keys);
	CU_ADD_TEST(suite, test_shape);
	CU_ADD_TEST(suite, test_values);
	CU_ADD_TEST(suite, test_port_values);
	CU_ADD_TEST(suite, test_ranges);
	CU_ADD_TEST(suite, test_counts);
	CU_ADD_TEST(suite, test_admission);
	CU_ADD_TEST(suite, test_keys_stay_secret);
	CU_ADD_TEST(suite, test_control_characters);
	CU_ADD_TEST(suite, test_files);
	CU_ADD_TEST(suite, test_play);
	CU_ADD_TEST(suite, test_play_errors);
	CU_ADD_TEST(suite, test_truncations);
	CU_ADD_TEST(suite, test_out_of_memory);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	close(file);
	return failures > 0 ? 1 : 0;
}
