/*
 * Where a connection puts together what it has to see whole: the handshake, then the command
 * message under way. It needs the memory for moments only, so that it is not in the connection but
 * comes from its owner and goes back.
 */
#ifndef RTMP_GATHER_H
#define RTMP_GATHER_H

#include <stdint.h>

#define RTMP_COMMAND_MAX 4096u /* bytes of one command message; a handshake is shorter */

/* Where buffers of RTMP_COMMAND_MAX bytes come from. */
struct rtmp_buffers {
	uint8_t *(*get)(void *app); /* NULL: none is left; RTMP_ERR(BUFFERS) ends the connection */
	void (*put)(void *app, uint8_t *buffer);
	void *app;
};

struct rtmp_gather {
	const struct rtmp_buffers *buffers;
	uint8_t *buffer; /* NULL while nothing is under way */
	uint32_t filled;
	uint32_t slot; /* of the command message under way, or RTMP_CHUNK_STREAMS */
};

#endif
