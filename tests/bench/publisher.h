/*
 * A publisher on a blocking loopback socket, made of rtmp_client. Failures are fatal to the test.
 */
#ifndef TESTS_BENCH_PUBLISHER_H
#define TESTS_BENCH_PUBLISHER_H

#include "rtmp/client.h"

struct publisher {
	int fd;
	size_t step; /* bytes of one send(); 0: all at once */
	struct rtmp_client client;
};

/* Connects and waits for NetStream.Publish.Start. Strings must outlive the publisher. */
void publisher_open(struct publisher *p, uint16_t port, const char *app, const char *name);
void publisher_message(struct publisher *p, uint8_t type, uint32_t timestamp, const void *data,
		       uint32_t len);

/* Announces `len` bytes of a video message and sends only some of its first chunk. */
void publisher_half_message(struct publisher *p, uint32_t timestamp, uint32_t len);

/* FCUnpublish and deleteStream, then the end of the connection. */
void publisher_finish(struct publisher *p);
void publisher_close(struct publisher *p);

int publisher_connect(uint16_t port);
void publisher_send(struct publisher *p, const void *data, size_t len);

#endif
