#include "address.h"
#include "build.h"

#include <string.h>

#define CPU_MAX       1023u /* CPU_SETSIZE - 1 */

/* One source may have a quarter of the connections, and as many as a house may have in any case. */
#define SOURCE_SHARE  4u
#define SOURCE_LEAST  16u
#define SOURCE_RATE   200u

/* Interface names: IFNAMSIZ without the NUL. */
#define INTERFACE_MAX 15u

static const struct file_memory no_memory;
static const struct file_admission no_admission;
static const struct file_per_source no_per_source;
static const struct file_rtmp no_rtmp;
static const struct file_limits no_limits;
static const struct file_listen no_listen;

/* Without `ports`: a TAP interface next to the kernel, which needs no hardware. */
static char default_device[] = "tap";
static char default_address[] = "198.18.0.2/24";
static char *default_addresses[] = {default_address};
static struct file_port default_ports[] = {
	{.device = default_device, .addresses = default_addresses, .addresses_count = 1},
};

static void build_cores(struct check *c, const struct file_dataplane *file,
			struct config_dataplane *dataplane)
{
	uint32_t count = file->cores_count > 0 ? file->cores_count : 1;

	dataplane->cores = check_calloc(c, count, sizeof(*dataplane->cores));
	dataplane->cores_count = dataplane->cores != NULL ? count : 0;
	for (uint32_t i = 0; i < file->cores_count && dataplane->cores != NULL; i++) {
		size_t mark = check_enter(c, "cores");
		check_enter_index(c, i);
		dataplane->cores[i] = file->cores[i];
		if (file->cores[i] > CPU_MAX) {
			check_fail(c, "CPU number is above 1023");
		}
		for (uint32_t j = 0; j < i; j++) {
			if (file->cores[j] == file->cores[i]) {
				check_fail(c, "CPU is named twice: each worker needs its own");
			}
		}
		check_leave(c, mark);
	}
}

static void build_memory(struct check *c, const struct file_memory *file,
			 struct config_memory *memory)
{
	size_t mark = check_enter(c, "memory");

	memory->packets = check_number(c, "packets", file->packets,
				       (struct check_range){2048, 1u << 22, 65535});
	memory->connections = check_number(c, "connections", file->connections,
					   (struct check_range){1, 1u << 20, 4096});
	memory->streams =
		check_number(c, "streams", file->streams, (struct check_range){1, 1u << 16, 1024});
	memory->log_blocks = check_number(c, "log_blocks", file->log_blocks,
					  (struct check_range){64, 1u << 20, 8192});
	memory->window_max_kib = check_number(c, "window_max_kib", file->window_max_kib,
					      (struct check_range){1024, 1u << 20, 16384});
	memory->windows_mib = check_number(c, "windows_mib", file->windows_mib,
					   (struct check_range){1, 1u << 20, 0});
	check_leave(c, mark);
}

static void build_admission(struct check *c, const struct file_admission *file,
			    struct config_admission *admission)
{
	size_t mark = check_enter(c, "admission");

	admission->bitrate_kbps = check_number(c, "bitrate_kbps", file->bitrate_kbps,
					       (struct check_range){16, 1000000, 6000});
	admission->gop_ms =
		check_number(c, "gop_ms", file->gop_ms, (struct check_range){100, 60000, 2000});
	check_leave(c, mark);
}

static uint32_t source_share(uint32_t connections)
{
	uint32_t share = connections / SOURCE_SHARE;

	return share > SOURCE_LEAST ? share : SOURCE_LEAST;
}

static void build_per_source(struct check *c, const struct file_per_source *file,
			     uint32_t connections, struct config_per_source *per_source)
{
	size_t mark = check_enter(c, "per_source");

	per_source->connections =
		check_number(c, "connections", file->connections,
			     (struct check_range){0, 1u << 20, source_share(connections)});
	per_source->by_default = file->connections == NULL;
	per_source->half_open =
		check_number(c, "half_open", file->half_open, (struct check_range){0, 65535, 256});
	per_source->rate =
		check_number(c, "rate", file->rate, (struct check_range){0, 65535, SOURCE_RATE});
	check_leave(c, mark);
}

static void build_address(struct check *c, const char *text, struct config_prefix *prefix)
{
	const char *why;

	if (prefix_parse(text, prefix, &why) != 0) {
		check_fail(c, why);
	} else if (!address_is_usable(&prefix->addr)) {
		check_fail(c, "not an address that a host can have");
	} else if (prefix->length == (address_is_v4(&prefix->addr) ? 96 : 0)) {
		check_fail(c, "prefix length is 0");
	}
}

static void build_addresses(struct check *c, const struct file_port *file, struct config_port *port)
{
	port->addresses = check_calloc(c, file->addresses_count, sizeof(*port->addresses));
	port->addresses_count = port->addresses != NULL ? file->addresses_count : 0;
	for (uint32_t i = 0; i < port->addresses_count; i++) {
		size_t mark = check_enter(c, "addresses");
		check_enter_index(c, i);
		build_address(c, file->addresses[i], &port->addresses[i]);
		for (uint32_t j = 0; j < i; j++) {
			if (memcmp(&port->addresses[i].addr, &port->addresses[j].addr, 16) == 0) {
				check_fail(c, "address appears twice");
			}
		}
		check_leave(c, mark);
	}
}

static void build_route(struct check *c, const struct file_route *file, struct config_route *route)
{
	const char *why;

	if (prefix_parse(file->to, &route->to, &why) != 0) {
		check_fail_key(c, "to", why);
	} else if (prefix_has_host_bits(&route->to)) {
		check_fail_key(c, "to", "has bits set beyond its prefix length");
	} else if (address_parse(file->via, &route->via, &why) != 0) {
		check_fail_key(c, "via", why);
	} else if (!address_is_usable(&route->via)) {
		check_fail_key(c, "via", "not an address that a host can have");
	} else if (address_is_v4(&route->to.addr) != address_is_v4(&route->via)) {
		check_fail_key(c, "via", "not of the same family as \"to\"");
	}
}

static void build_routes(struct check *c, const struct file_port *file, struct config_port *port)
{
	port->routes = check_calloc(c, file->routes_count, sizeof(*port->routes));
	port->routes_count = port->routes != NULL ? file->routes_count : 0;
	for (uint32_t i = 0; i < port->routes_count; i++) {
		size_t mark = check_enter(c, "routes");
		check_enter_index(c, i);
		build_route(c, &file->routes[i], &port->routes[i]);
		check_leave(c, mark);
	}
}

static void build_interface(struct check *c, const struct file_port *file, struct config_port *port)
{
	const char *name = file->name;

	if (name == NULL && strcmp(file->device, "tap") == 0) {
		name = "penstock0";
	}
	if (name == NULL && strcmp(file->device, "af_packet") == 0) {
		check_fail_key(c, "name", "is missing: af_packet takes over an interface by name");
	}
	if (name != NULL && (strlen(name) > INTERFACE_MAX || strpbrk(name, "/ ,:\t") != NULL)) {
		check_fail_key(c, "name", "not an interface name (at most 15 bytes, no / : ,)");
	}
	port->device = check_strdup(c, file->device);
	port->name = check_strdup(c, name);
}

static void build_port(struct check *c, const struct file_port *file, struct config_port *port)
{
	const char *why;

	build_interface(c, file, port);
	build_addresses(c, file, port);
	build_routes(c, file, port);
	port->mtu = check_number(c, "mtu", file->mtu, (struct check_range){1280, 9000, 1500});
	if (file->vlan != NULL) {
		port->vlan = check_number(c, "vlan", file->vlan, (struct check_range){1, 4094, 1});
	}
	port->ecn = file->ecn == NULL || *file->ecn != 0;
	port->has_mac = file->mac != NULL;
	if (port->has_mac && mac_parse(file->mac, port->mac, &why) != 0) {
		check_fail_key(c, "mac", why);
	}
}

static void build_ports(struct check *c, const struct file_port *ports, uint32_t count,
			struct config_dataplane *dataplane)
{
	dataplane->ports = check_calloc(c, count, sizeof(*dataplane->ports));
	dataplane->ports_count = dataplane->ports != NULL ? count : 0;
	for (uint32_t i = 0; i < dataplane->ports_count; i++) {
		size_t mark = check_enter(c, "ports");
		check_enter_index(c, i);
		build_port(c, &ports[i], &dataplane->ports[i]);
		check_leave(c, mark);
	}
}

static void build_listen(struct check *c, const struct file_rtmp *file, struct config_rtmp *rtmp)
{
	static uint32_t default_listen[] = {CONFIG_RTMP_PORT};
	const uint32_t *listen = file->listen_count > 0 ? file->listen : default_listen;
	uint32_t count = file->listen_count > 0 ? file->listen_count : 1;

	rtmp->listen = check_calloc(c, count, sizeof(*rtmp->listen));
	rtmp->listen_count = rtmp->listen != NULL ? count : 0;
	for (uint32_t i = 0; i < rtmp->listen_count; i++) {
		size_t mark = check_enter(c, "listen");
		check_enter_index(c, i);
		if (listen[i] == 0 || listen[i] > UINT16_MAX) {
			check_fail(c, "not a port from 1 to 65535");
		}
		rtmp->listen[i] = (uint16_t)listen[i];
		for (uint32_t j = 0; j < i; j++) {
			if (listen[j] == listen[i]) {
				check_fail(c, "port appears twice");
			}
		}
		check_leave(c, mark);
	}
}

static void build_limits(struct check *c, const struct file_limits *file,
			 struct config_limits *limits)
{
	size_t mark = check_enter(c, "limits");

#define BUILD_LIMIT(key, least, most, unset) \
	limits->key = check_number(c, #key, file->key, (struct check_range){least, most, unset});
	CONFIG_LIMITS(BUILD_LIMIT)
#undef BUILD_LIMIT
	check_leave(c, mark);
}

static void build_rtmp(struct check *c, const struct file_rtmp *file, struct config_rtmp *rtmp)
{
	size_t mark = check_enter(c, "rtmp");

	build_listen(c, file, rtmp);
	rtmp->chunk_size = check_number(c, "chunk_size", file->chunk_size,
					(struct check_range){128, 65536, 4096});
	rtmp->window_ack_size = check_number(c, "window_ack_size", file->window_ack_size,
					     (struct check_range){4096, INT32_MAX, 2500000});
	rtmp->message_max = check_number(c, "message_max", file->message_max,
					 (struct check_range){4096, (1u << 24) - 1, 4194304});
	rtmp->handshake_timeout_s =
		check_number(c, "handshake_timeout_s", file->handshake_timeout_s,
			     (struct check_range){1, 300, 5});
	rtmp->publish_timeout_s = check_number(c, "publish_timeout_s", file->publish_timeout_s,
					       (struct check_range){1, 300, 10});
	rtmp->idle_timeout_s = check_number(c, "idle_timeout_s", file->idle_timeout_s,
					    (struct check_range){1, 86400, 30});
	rtmp->decision_timeout_ms =
		check_number(c, "decision_timeout_ms", file->decision_timeout_ms,
			     (struct check_range){100, 60000, 3000});
	build_limits(c, file->limits != NULL ? file->limits : &no_limits, &rtmp->limits);
	check_leave(c, mark);
}

static void build_other_ports(struct check *c, const struct file_listen *file,
			      struct config_dataplane *dataplane)
{
	size_t mark = check_enter(c, "listen");
	uint32_t port =
		check_number(c, "discard", file->discard, (struct check_range){1, UINT16_MAX, 0});

	for (uint32_t i = 0; i < dataplane->rtmp.listen_count; i++) {
		if (dataplane->rtmp.listen[i] == port) {
			check_fail_key(c, "discard", "port is one of rtmp.listen");
		}
	}
	dataplane->listen.discard = (uint16_t)port;
	check_leave(c, mark);
}

void build_dataplane(struct check *c, const struct file_dataplane *file,
		     struct config_dataplane *dataplane)
{
	build_cores(c, file, dataplane);
	if (file->power != NULL) {
		dataplane->power = (enum config_power) * file->power;
	}
	if (file->hugepages != NULL) {
		dataplane->hugepages = (enum config_hugepages) * file->hugepages;
	}
	build_memory(c, file->memory != NULL ? file->memory : &no_memory, &dataplane->memory);
	build_admission(c, file->admission != NULL ? file->admission : &no_admission,
			&dataplane->admission);
	build_per_source(c, file->per_source != NULL ? file->per_source : &no_per_source,
			 dataplane->memory.connections, &dataplane->per_source);
	dataplane->control_timeout_ms =
		check_number(c, "control_timeout_ms", file->control_timeout_ms,
			     (struct check_range){200, 60000, 2000});
	if (file->ports_count > 0) {
		build_ports(c, file->ports, file->ports_count, dataplane);
	} else {
		build_ports(c, default_ports, 1, dataplane);
	}
	build_rtmp(c, file->rtmp != NULL ? file->rtmp : &no_rtmp, &dataplane->rtmp);
	build_other_ports(c, file->listen != NULL ? file->listen : &no_listen, dataplane);
}
