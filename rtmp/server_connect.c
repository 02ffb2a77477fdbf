#include "server_connect.h"
#include "command.h"
#include "wire.h"

#include <string.h>
#include <strings.h>

/* Reconnect: we send the request. Multitrack, ModEx, TimestampNanoOffset: we pass them on. */
#define CAPS_EX                   0x0f
#define CAN_FORWARD               4
#define FOURCCS_MAX               16u /* of each kind: more than there are codecs */
#define FOURCC_SIZE               4u

/* What of videoFunction concerns the stream that we pass on: HDR, metadata packets, large tiles. */
#define VIDEO_FUNCTIONS_FORWARDED 0x0eu

/* FourCCs that were named; beyond the table, any is what was meant. */
struct fourccs {
	struct amf0_string codes[FOURCCS_MAX];
	uint32_t count;
	bool any;   /* "*" */
	bool given; /* the property was there */
};

/* What of a connect we act on. */
struct offer {
	struct amf0_string app;
	struct amf0_string tc_url;
	struct amf0_string flash_ver;
	double object_encoding;
	double caps_ex;
	double video_function;
	struct fourccs list;  /* Enhanced RTMP v1: fourCcList */
	struct fourccs video; /* Enhanced RTMP v2: videoFourCcInfoMap */
	struct fourccs audio; /* ... audioFourCcInfoMap */
	bool has_caps_ex;
	bool has_video_function;
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

/* Anything that is no number of flags stands for none. */
static uint32_t to_flags(double value)
{
	return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static void add_fourcc(struct fourccs *f, struct amf0_string code)
{
	if (amf0_string_equals(code, "*") || f->count == FOURCCS_MAX) {
		f->any = true;
	} else if (code.len == FOURCC_SIZE) {
		f->codes[f->count++] = code;
	}
}

/* A strict array of strings; arrays and objects of any other kind are taken by their values. */
static void read_list(struct fourccs *f, struct amf0_reader *r)
{
	struct amf0_string name;
	uint32_t left;

	f->given = true;
	switch (amf0_peek(r)) {
	case AMF0_STRICT_ARRAY:
		for (left = amf0_enter_array(r); left > 0 && !r->error; left--) {
			add_fourcc(f, command_read_text(r));
		}
		break;
	case AMF0_OBJECT:
	case AMF0_ECMA_ARRAY:
		amf0_enter(r);
		while (amf0_next_property(r, &name)) {
			add_fourcc(f, command_read_text(r));
		}
		break;
	default:
		add_fourcc(f, command_read_text(r));
		break;
	}
}

/* FourCC to what the encoder does with it, which does not matter to who passes it on. */
static void read_map(struct fourccs *f, struct amf0_reader *r)
{
	struct amf0_string name;

	f->given = true;
	if (amf0_peek(r) != AMF0_OBJECT && amf0_peek(r) != AMF0_ECMA_ARRAY) {
		amf0_skip(r);
		return;
	}
	amf0_enter(r);
	while (amf0_next_property(r, &name)) {
		add_fourcc(f, name);
		amf0_skip(r);
	}
}

static void read_enhanced(struct offer *o, struct amf0_string name, struct amf0_reader *r)
{
	if (name_is(name, "capsEx")) {
		o->caps_ex = read_number(r);
		o->has_caps_ex = true;
	} else if (name_is(name, "videoFunction")) {
		o->video_function = read_number(r);
		o->has_video_function = true;
	} else if (name_is(name, "fourCcList")) {
		read_list(&o->list, r);
	} else if (name_is(name, "videoFourCcInfoMap")) {
		read_map(&o->video, r);
	} else if (name_is(name, "audioFourCcInfoMap")) {
		read_map(&o->audio, r);
	} else {
		amf0_skip(r);
	}
}

/* Property names differ in case between encoders ("tcurl"). */
static void read_property(struct offer *o, struct amf0_string name, struct amf0_reader *r)
{
	if (name_is(name, "app")) {
		o->app = command_read_text(r);
	} else if (name_is(name, "tcUrl")) {
		o->tc_url = command_read_text(r);
	} else if (name_is(name, "flashVer")) {
		o->flash_ver = command_read_text(r);
	} else if (name_is(name, "objectEncoding")) {
		o->object_encoding = read_number(r);
	} else {
		read_enhanced(o, name, r);
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
	return amf0_error(r);
}

/* Flash has sent videoFunction 1 (client seek) since long before: that offers nothing. */
static bool is_enhanced(const struct offer *o)
{
	return o->list.given || o->video.given || o->audio.given || o->has_caps_ex;
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

static void put_code(struct command *c, struct amf0_string code)
{
	uint8_t len[2];

	rtmp_set_be16(len, code.len);
	rtmp_out_put(&c->body, len, sizeof(len));
	rtmp_out_put(&c->body, code.data, code.len);
	amf0_write_number(&c->body, CAN_FORWARD);
}

/* Everything is passed on: what was asked for by name is answered by name, "*" by "*". */
static void put_map(struct command *c, const char *name, const struct fourccs *f)
{
	static const struct amf0_string any = {.data = "*", .len = 1};

	amf0_write_name(&c->body, name);
	amf0_write_object_begin(&c->body);
	for (uint32_t i = 0; i < f->count; i++) {
		put_code(c, f->codes[i]);
	}
	if (f->any || f->count == 0) {
		put_code(c, any);
	}
	amf0_write_object_end(&c->body);
}

static void put_list(struct command *c, const struct fourccs *f)
{
	bool any = f->any || f->count == 0;

	amf0_write_name(&c->body, "fourCcList");
	amf0_write_strict_array(&c->body, f->count + any);
	for (uint32_t i = 0; i < f->count; i++) {
		amf0_write_string_n(&c->body, f->codes[i].data, f->codes[i].len);
	}
	if (any) {
		amf0_write_string(&c->body, "*");
	}
}

/* Only who offered Enhanced RTMP is told of it: others might stumble over what they do not know. */
static void put_enhanced(struct command *c, const struct offer *o)
{
	if (!is_enhanced(o)) {
		return;
	}
	if (o->list.given) {
		put_list(c, &o->list);
	}
	put_map(c, "videoFourCcInfoMap", &o->video);
	put_map(c, "audioFourCcInfoMap", &o->audio);
	if (o->has_caps_ex) {
		amf0_write_name(&c->body, "capsEx");
		amf0_write_number(&c->body, CAPS_EX);
	}
	if (o->has_video_function) {
		amf0_write_name(&c->body, "videoFunction");
		amf0_write_number(&c->body,
				  to_flags(o->video_function) & VIDEO_FUNCTIONS_FORWARDED);
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

static void keep_offer(struct rtmp_server *s, const struct offer *o)
{
	s->amf3 = o->object_encoding == 3;
	s->enhanced = is_enhanced(o);
	s->caps_ex = to_flags(o->caps_ex);
	s->video_function = (uint16_t)to_flags(o->video_function);
	command_copy_text(s->encoder, sizeof(s->encoder), o->flash_ver);
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
	keep_offer(s, &o);
	s->connected = true;
	answer(s, &o, transaction, out);
	return 0;
}
