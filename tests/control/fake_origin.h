/*
 * An origin for tests: a thread with a listening socket on 127.0.0.1, the server side of the rtmp
 * library, and a record of every message that came, in order, over all connections.
 *
 * It can stall (read nothing), talk without end, break connections, refuse publishes with the
 * name in its answer, and never acknowledge, when told to.
 */
#ifndef FAKE_ORIGIN_H
#define FAKE_ORIGIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct fake_record {
	uint32_t connection; /* from 1 */
	uint32_t timestamp;
	uint32_t length;
	uint8_t type;
	uint8_t first; /* bytes 0 and 1 of the payload: tell which message it is */
	uint8_t second;
	bool intact; /* byte i is byte 0 advanced as fake_byte() does */
};

struct fake_origin;

struct fake_origin *fake_origin_create(int receive_buffer);
void fake_origin_destroy(struct fake_origin *o);
uint16_t fake_origin_port(const struct fake_origin *o);

void fake_origin_stall(struct fake_origin *o, bool stall);
void fake_origin_flood(struct fake_origin *o, bool flood); /* as fast as it is read */
void fake_origin_refuse(struct fake_origin *o, bool refuse);
void fake_origin_mute(struct fake_origin *o, bool mute); /* acknowledges nothing */
void fake_origin_ping(struct fake_origin *o, bool ping); /* whenever a message is under way */
void fake_origin_break(struct fake_origin *o);           /* closes the connection that is open */
void fake_origin_listen(struct fake_origin *o, bool listening);

uint32_t fake_origin_count(struct fake_origin *o);       /* messages */
uint32_t fake_origin_connections(struct fake_origin *o); /* accepted so far */
uint32_t fake_origin_unpublished(struct fake_origin *o); /* ended by command */
uint32_t fake_origin_pings(struct fake_origin *o);
struct fake_record fake_origin_record(struct fake_origin *o, uint32_t index);
void fake_origin_name(struct fake_origin *o, char *out, size_t size); /* of the last publish */

#endif
