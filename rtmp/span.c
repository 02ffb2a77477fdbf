#include "rtmp/span.h"

#include <string.h>

bool rtmp_out_put(struct rtmp_out *out, const void *data, size_t len)
{
	if (out->overflow || len > out->cap - out->len) {
		out->overflow = true;
		return false;
	}
	if (len != 0) {
		memcpy(out->data + out->len, data, len);
		out->len += len;
	}
	return true;
}
