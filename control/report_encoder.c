#include "report_encoder.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

#define PROTOCOL_MAX 128u

/* Enhanced RTMP v2, "Enhancing NetConnection connect Command": capsEx. */
static const char *const capabilities[] = {"reconnect", "multitrack", "ModEx", "nanoseconds"};

static void append(char *to, const char *separator, const char *word)
{
	size_t used = strlen(to);

	(void)snprintf(to + used, PROTOCOL_MAX - used, "%s%s", used ? separator : "", word);
}

static void describe(char *to, const struct abi_stream *slot)
{
	to[0] = '\0';
	append(to, "", slot->enhanced ? "Enhanced RTMP" : "RTMP 1.0");
	for (uint32_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		if (slot->caps_ex >> i & 1) {
			append(to, ", ", capabilities[i]);
		}
	}
	if (slot->amf3) {
		append(to, ", ", "AMF3");
	}
}

void report_encoder(json_t *object, const struct abi_stream *slot)
{
	char protocol[PROTOCOL_MAX];
	char encoder[ABI_ENCODER_MAX];

	describe(protocol, slot);
	text_printable(encoder, sizeof(encoder), slot->encoder, sizeof(slot->encoder));
	(void)json_object_set_new(object, "encoder", json_string(encoder));
	(void)json_object_set_new(object, "protocol", json_string(protocol));
	(void)json_object_set_new(object, "caps_ex", json_integer(slot->caps_ex));
	(void)json_object_set_new(object, "video_function", json_integer(slot->video_function));
	(void)json_object_set_new(object, "enhanced", json_boolean(slot->enhanced));
	(void)json_object_set_new(object, "amf3", json_boolean(slot->amf3));
}
