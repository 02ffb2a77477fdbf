#include "server_connect.h"
#include "command.h"

#include <string.h>
#include <strings.h>

#define CAPS_EX_FORWARDED 0x0e /* Multitrack, ModEx, TimestampNanoOffset: we pass them on */
#define CAN_FORWARD       4

/* What of a connect we act on. */
struct offer {
	struct amf0_string app;
	struct amf0_string tc_url;
	double object_encoding;
	double caps_ex;
	bool fourcc_list; /* Enhanced RTMP v1 */
	bool fourcc_maps; /* Enhanced RTMP v2 */
	bool has_caps_ex;
};

static bool name_is(struct amf0_string s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.data, text, s.len) == 0;
}

static double read_number(struct amf0_reader *r)
{
	if (amf0_peek(r) == AMF0_NUMBER) {
		return amf0_read_number(r);
	}
	amf0_skip(r);
	return 0;
}

/* Property names differ in case between encoders ("tcurl"). */
static void read_property(struct offer *o, struct amf0_string name, struct amf0_reader *r)
{
	if (name_is(name, "app")) {
		o->app = command_read_text(r);
	} else if (name_is(name, "tcUrl")) {
		o->tc_url = command_read_text(r);
	} else if (name_is(name, "objectEncoding")) {
		o->object_encoding = read_number(r);
	} else if (name_is(name, "capsEx")) {
		o->caps_ex = read_number(r);
		o->has_caps_ex = true;
	} else {
		o->fourcc_list |= name_is(name, "fourCcList");
		o->fourcc_maps |=
			name_is(name, "videoFourCcInfoMap") || name_is(name, "audioFourCcInfoMap");
		amf0_skip(r);
	}
}

static int read_offer(struct offer *o, struct amf0_reader *r)
{
	struct amf0_string name;

	memset(o, 0, sizeof(*o));
	amf0_enter(r);
	while (amf0_next_property(r, &name)) {
		read_property(o, name, r);
	}
	return r->error ? RTMP_ERR(AMF) : 0;
}

/* The path of "rtmp://host/app": for the encoders that leave `app` out. */
static struct amf0_string app_of_url(struct amf0_string url)
{
	const char *at = url.len != 0 ? memmem(url.data, url.len, "://", 3) : NULL;
	const char *end = at != NULL ? url.data + url.len : NULL;

	if (at != NULL) {
		at = memchr(at + 3, '/', (size_t)(end - at - 3));
	}
	if (at == NULL) {
		return (struct amf0_string){.data = "", .len = 0};
	}
	at++;
	if (at < end && end[-1] == '\'') {
		end--; /* Neko puts the URL in quotes */
	}
	return (struct amf0_string){.data = at, .len = (uint32_t)(end - at)};
}

static int set_app(struct rtmp_server *s, struct amf0_string app)
{
	const char *query = app.len != 0 ? memchr(app.data, '?', app.len) : NULL;

	if (query != NULL) {
		app.len = (uint32_t)(query - app.data);
	}
	while (app.len != 0 && app.data[app.len - 1] == '/') {
		app.len--;
	}
	if (app.len == 0 || app.len >= RTMP_APP_MAX || memchr(app.data, 0, app.len) != NULL) {
		return RTMP_ERR(NAME);
	}
	memcpy(s->app, app.data, app.len);
	s->app[app.len] = '\0';
	return 0;
}

static void put_any(struct command *c, const char *map)
{
	amf0_write_name(&c->body, map);
	amf0_write_object_begin(&c->body);
	amf0_write_name(&c->body, "*");
	amf0_write_number(&c->body, CAN_FORWARD);
	amf0_write_object_end(&c->body);
}

/* Only who offered Enhanced RTMP is told of it: others might stumble over what they do not know. */
static void put_enhanced(struct command *c, const struct offer *o)
{
	if (o->fourcc_list) {
		amf0_write_name(&c->body, "fourCcList");
		amf0_write_strict_array(&c->body, 1);
		amf0_write_string(&c->body, "*");
	}
	if (o->fourcc_list || o->fourcc_maps || o->has_caps_ex) {
		put_any(c, "videoFourCcInfoMap");
		put_any(c, "audioFourCcInfoMap");
	}
	if (o->has_caps_ex) {
		amf0_write_name(&c->body, "capsEx");
		amf0_write_number(&c->body, CAPS_EX_FORWARDED);
	}
}

static void put_properties(struct command *c, const struct offer *o)
{
	amf0_write_object_begin(&c->body);
	amf0_write_name(&c->body, "fmsVer");
	amf0_write_string(&c->body, "FMS/3,5,7,7009");
	amf0_write_name(&c->body, "capabilities");
	amf0_write_number(&c->body, 31);
	amf0_write_name(&c->body, "mode");
	amf0_write_number(&c->body, 1);
	put_enhanced(c, o);
	amf0_write_object_end(&c->body);
}

static void put_information(struct command *c, bool amf3)
{
	amf0_write_object_begin(&c->body);
	amf0_write_name(&c->body, "level");
	amf0_write_string(&c->body, "status");
	amf0_write_name(&c->body, "code");
	amf0_write_string(&c->body, "NetConnection.Connect.Success");
	amf0_write_name(&c->body, "description");
	amf0_write_string(&c->body, "Connection succeeded.");
	amf0_write_name(&c->body, "objectEncoding");
	amf0_write_number(&c->body, amf3 ? 3 : 0);
	amf0_write_object_end(&c->body);
}

static void answer(struct rtmp_server *s, const struct offer *o, double transaction,
		   struct rtmp_out *out)
{
	struct command c;

	control_send(&s->writer, RTMP_TYPE_WINDOW_ACK_SIZE, s->config->window_ack_size, out);
	control_send_peer_bandwidth(&s->writer, s->config->peer_bandwidth, out);
	rtmp_chunk_writer_resize(&s->writer, s->config->chunk_size, out);
	command_begin(&c, "_result", transaction);
	put_properties(&c, o);
	put_information(&c, s->amf3);
	command_send(&c, &s->writer, CSID_COMMAND, 0, out);
}

int server_connect(struct rtmp_server *s, struct amf0_reader *r, double transaction,
		   struct rtmp_out *out)
{
	struct offer o;
	int rc = read_offer(&o, r);

	if (rc < 0) {
		return rc;
	}
	rc = set_app(s, o.app.len != 0 ? o.app : app_of_url(o.tc_url));
	if (rc < 0) {
		command_send_info(&s->writer, "_error", transaction, 0, "error",
				  "NetConnection.Connect.InvalidApp", "application is not valid",
				  out);
		return rc;
	}
	s->amf3 = o.object_encoding == 3;
	s->caps_ex = o.caps_ex > 0 && o.caps_ex <= UINT32_MAX ? (uint32_t)o.caps_ex : 0;
	s->connected = true;
	answer(s, &o, transaction, out);
	return 0;
}
