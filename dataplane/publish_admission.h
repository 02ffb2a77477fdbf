/*
 * Who may have how much packet memory. All sizes are bytes of truesize of the worker's pool.
 *
 * A publish is admitted when what is promised to all publications, what it will be promised, and
 * the reserve of the rx rings fit the pool. A new one is promised rate x (GOP + acknowledgement
 * window) x 2 at the configured rate; as soon as its real rate is known, the most that it was seen
 * to pin of late and its longest GOP, up or down; when its publisher is gone, what it still pins.
 */
#ifndef DP_PUBLISH_ADMISSION_H
#define DP_PUBLISH_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct publish_admission {
	uint64_t total;
	uint64_t reserve; /* for the rx rings: never promised */
	uint64_t initial; /* of a publication whose rate is not known; 0: all are admitted */
	uint64_t promised;
};

struct publish_reservation {
	uint64_t bytes;
	uint64_t most;        /* seen since `since_us` */
	uint64_t most_before; /* ... and in the time before that */
	uint64_t since_us;
	bool known; /* the rate */
};

struct publish_admission_config {
	const struct config_admission *rate; /* NULL: all are admitted */
	uint32_t mbufs;
	uint32_t reserve_mbufs;
	uint32_t truesize;
	uint32_t mtu;
};

void publish_admission_init(struct publish_admission *admission,
			    const struct publish_admission_config *config);

/* Promises the initial size; false when it does not fit. */
bool publish_admission_open(struct publish_admission *admission,
			    struct publish_reservation *reservation, uint64_t now_us);
void publish_admission_close(struct publish_admission *admission,
			     struct publish_reservation *reservation);

/* Its publisher is gone: no more is promised than its log pins. */
void publish_admission_settle(struct publish_admission *admission,
			      struct publish_reservation *reservation, uint64_t pinned);

/*
 * What a publication pins now and its longest GOP. `read`: it has a consumer; without one it pins
 * what it is promised, and the promise stands.
 */
void publish_admission_measure(struct publish_admission *admission,
			       struct publish_reservation *reservation, uint64_t pinned,
			       uint64_t longest_gop, bool read, uint64_t now_us);

#endif
