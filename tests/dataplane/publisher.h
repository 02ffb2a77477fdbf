/*
 * Publishers: rtmp_client over a fake TCP.
 */
#ifndef TEST_PUBLISHER_H
#define TEST_PUBLISHER_H

#include "fake_tcp.h"
#include "rtmp/client.h"
#include "world.h"

struct publisher {
	struct world *world;
	struct tcp_conn conn;
	struct rtmp_client client;
	struct rtmp_client_config config;
	uint32_t segment; /* bytes in each segment it sends */
	uint32_t chain;   /* segments given at once */
	struct rtmp_out out;
	uint8_t bytes[1 << 20];
	enum rtmp_client_event_type last_event;
	bool publishing;
	bool refused;
	char code[128];
};

/* Connects and sends up to the publish, which control sees as an event. */
void publisher_open_as(struct publisher *p, struct world *w,
		       const struct rtmp_client_config *config, uint32_t segment);
void publisher_open(struct publisher *p, struct world *w, const char *name, uint32_t chunk_size,
		    uint32_t segment);
/* Sends what is in `out` and reads the replies, until neither side has more to say. */
void publisher_pump(struct publisher *p);
void publisher_media(struct publisher *p, uint8_t type, uint32_t csid, uint32_t timestamp,
		     const void *payload, uint32_t len);
/* name(9, null[, stream, "live"]), not yet sent. */
void publisher_command(struct publisher *p, uint32_t stream_id, const char *name,
		       const char *stream);
/* createStream, which gives the next number from 1 on, and publish on that stream. */
void publisher_publish(struct publisher *p, uint32_t stream_id, const char *stream);
void publisher_close(struct publisher *p);

/* Opens, and accepts it as control. Returns the slot. */
uint32_t publisher_go_live(struct publisher *p, struct world *w, const char *name,
			   uint32_t chunk_size, uint32_t segment);

#endif
