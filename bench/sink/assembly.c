#include "assembly.h"

#include <stdlib.h>
#include <string.h>

#define CAP_MIN  4096u
#define CAP_KEPT 16384u /* bytes; a larger buffer is freed after its message */

static bool append(struct assembly_slot *slot, const uint8_t *data, uint32_t len)
{
	uint64_t need = (uint64_t)slot->len + len;

	if (need > slot->cap) {
		uint64_t cap = slot->cap > 0 ? slot->cap : CAP_MIN;
		while (cap < need) {
			cap *= 2;
		}
		uint8_t *grown = cap <= UINT32_MAX ? realloc(slot->data, cap) : NULL;
		if (grown == NULL) {
			return false;
		}
		slot->data = grown;
		slot->cap = (uint32_t)cap;
	}
	if (len > 0) {
		memcpy(slot->data + slot->len, data, len);
	}
	slot->len += len;
	return true;
}

static void begin(struct assembly_slot *slot, uint32_t stream_id)
{
	slot->len = 0;
	slot->pieces = 0;
	slot->stream_id = stream_id;
	slot->partial = true;
}

enum assembly_result assembly_add(struct assembly *a, const struct rtmp_piece *piece,
				  uint32_t stream_id, const uint8_t **data)
{
	struct assembly_slot *slot = &a->slots[piece->slot];

	if (piece->first) {
		begin(slot, stream_id);
	}
	slot->pieces++;
	if (piece->first && piece->last) {
		*data = piece->data;
		slot->len = piece->len;
	} else if (append(slot, piece->data, piece->len)) {
		*data = slot->data;
	} else {
		return ASSEMBLY_NO_MEMORY;
	}
	if (!piece->last) {
		return ASSEMBLY_MORE;
	}
	slot->partial = false;
	return slot->len == piece->msg->length ? ASSEMBLY_COMPLETE : ASSEMBLY_SHORT;
}

void assembly_release(struct assembly *a, uint32_t index)
{
	struct assembly_slot *slot = &a->slots[index];

	slot->partial = false;
	slot->len = 0;
	if (slot->cap > CAP_KEPT) {
		free(slot->data);
		slot->data = NULL;
		slot->cap = 0;
	}
}

void assembly_fini(struct assembly *a)
{
	for (uint32_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		free(a->slots[i].data);
	}
}
