/*
 * Buffers from the heap (rtmp/gather.h), for owners of connections that have no memory of their own
 * to lend. The library allocates nothing: this is compiled into whoever includes it.
 */
#ifndef RTMP_HEAP_BUFFERS_H
#define RTMP_HEAP_BUFFERS_H

#include <stdlib.h>

#include "rtmp/gather.h"

static inline uint8_t *rtmp_heap_get(void *app)
{
	(void)app;
	return malloc(RTMP_COMMAND_MAX);
}

static inline void rtmp_heap_put(void *app, uint8_t *buffer)
{
	(void)app;
	free(buffer);
}

static const struct rtmp_buffers rtmp_heap_buffers = {rtmp_heap_get, rtmp_heap_put, NULL};

#endif
