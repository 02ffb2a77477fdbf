#include "dataplane/publish_admission.h"

#include <assert.h>

#define ACK_WINDOW (UINT64_C(256) << 10) /* of origins: what they may leave unacknowledged */
#define HEADERS    52u                   /* IPv4 and TCP with timestamps, of each packet */
#define MEASURE_US UINT64_C(5000000)

void publish_admission_init(struct publish_admission *admission,
			    const struct publish_admission_config *config)
{
	const struct config_admission *rate = config->rate;

	*admission = (struct publish_admission){
		.total = (uint64_t)config->mbufs * config->truesize,
		.reserve = (uint64_t)config->reserve_mbufs * config->truesize,
	};
	if (rate && rate->bitrate_kbps > 0) {
		uint64_t gop = UINT64_C(125) * rate->bitrate_kbps * rate->gop_ms / 1000;
		uint64_t payload = 2 * (gop + ACK_WINDOW);

		admission->initial = payload * config->truesize / (config->mtu - HEADERS);
	}
}

static void promise(struct publish_admission *admission, struct publish_reservation *reservation,
		    uint64_t bytes)
{
	admission->promised += bytes - reservation->bytes;
	reservation->bytes = bytes;
}

bool publish_admission_open(struct publish_admission *admission,
			    struct publish_reservation *reservation, uint64_t now_us)
{
	*reservation = (struct publish_reservation){.since_us = now_us};
	if (admission->initial > 0 &&
	    admission->promised + admission->initial + admission->reserve > admission->total) {
		return false;
	}
	promise(admission, reservation, admission->initial);
	return true;
}

void publish_admission_close(struct publish_admission *admission,
			     struct publish_reservation *reservation)
{
	promise(admission, reservation, 0);
}

void publish_admission_settle(struct publish_admission *admission,
			      struct publish_reservation *reservation, uint64_t pinned)
{
	if (pinned < reservation->bytes) {
		promise(admission, reservation, pinned);
	}
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void publish_admission_measure(struct publish_admission *admission,
			       struct publish_reservation *reservation, uint64_t pinned,
			       uint64_t longest_gop, bool read, uint64_t now_us)
{
	struct publish_reservation *r = reservation;

	if (!read) {
		/* It grows up to the promise and is cut there: that says nothing of its needs. */
		r->since_us = now_us;
		return;
	}
	r->most = larger(r->most, pinned);
	if (now_us - r->since_us >= MEASURE_US) {
		r->known |= longest_gop > 0;
		r->most_before = r->most;
		r->most = pinned;
		r->since_us = now_us;
	}
	uint64_t measured = larger(r->most, r->most_before) + longest_gop;
	promise(admission, r, r->known ? measured : larger(measured, admission->initial));
}
