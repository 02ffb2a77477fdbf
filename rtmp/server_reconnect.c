#include "command.h"

void rtmp_server_limit_message(struct rtmp_server *s, uint32_t message_max)
{
	if (message_max < s->reader.message_max) {
		s->reader.message_max = message_max;
	}
}

/* Transaction 0 and message stream 0: it is the connection that is meant, not a publish. */
bool rtmp_server_reconnect(struct rtmp_server *s, const char *tc_url, const char *text,
			   struct rtmp_out *out)
{
	struct command c;

	if (!s->connected || (s->caps_ex & RTMP_CAPS_RECONNECT) == 0) {
		return false;
	}
	command_begin(&c, "onStatus", 0);
	amf0_write_null(&c.body);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "level");
	amf0_write_string(&c.body, "status");
	amf0_write_name(&c.body, "code");
	amf0_write_string(&c.body, "NetConnection.Connect.ReconnectRequest");
	if (tc_url[0] != '\0') {
		amf0_write_name(&c.body, "tcUrl");
		amf0_write_string(&c.body, tc_url);
	}
	amf0_write_name(&c.body, "description");
	amf0_write_string(&c.body, text);
	amf0_write_object_end(&c.body);
	command_send(&c, &s->writer, CSID_COMMAND, 0, out);
	return true;
}
