#include "dataplane/link_offer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/attach.h"
#include "dataplane/attach_socket.h"
#include "dataplane/ingest.h"

int link_offer_init(struct link_offer *offer, const struct dp_link_worker *workers, uint32_t count)
{
	*offer = (struct link_offer){.workers = workers, .count = count};
	offer->subs = calloc(count, sizeof(offer->subs[0]));
	return offer->subs ? 0 : -ENOMEM;
}

void link_offer_fini(struct link_offer *offer)
{
	link_offer_destroy(offer);
	free(offer->subs);
	offer->subs = NULL;
}

static struct abi_sub *sub_of(const struct link_offer *offer, uint32_t i)
{
	return (struct abi_sub *)(void *)offer->subs[i].base;
}

static void fill_sub(const struct link_offer *offer, uint32_t i, uint64_t generation,
		     uint64_t epoch)
{
	struct abi_sub *sub = sub_of(offer, i);

	sub->magic = ABI_MAGIC;
	sub->version = ABI_VERSION;
	sub->worker = i;
	sub->generation = generation;
	sub->epoch = epoch;
	sub->streams = offer->workers[i].streams;
}

int link_offer_create(struct link_offer *offer, uint64_t generation, uint64_t epoch)
{
	for (uint32_t i = 0; i < offer->count; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "penstock-sub-%u", i);
		int err = dp_region_create(&offer->subs[i], name,
					   abi_sub_size(offer->workers[i].streams),
					   offer->workers[i].numa_node, DP_REGION_WRITABLE);
		if (err < 0) {
			link_offer_destroy(offer);
			return err;
		}
		fill_sub(offer, i, generation, epoch);
	}
	return 0;
}

void link_offer_destroy(struct link_offer *offer)
{
	for (uint32_t i = 0; offer->subs && i < offer->count; i++) {
		if (offer->subs[i].base) {
			dp_region_destroy(&offer->subs[i]);
		}
		offer->subs[i].base = NULL;
	}
}

static void wake_worker(const struct dp_link_worker *worker)
{
	uint64_t one = 1;
	(void)!write(worker->commands_fd, &one, sizeof(one));
}

void link_offer_give(const struct link_offer *offer, bool attach)
{
	for (uint32_t i = 0; i < offer->count; i++) {
		dp_ingest_offer_sub(offer->workers[i].ingest, attach ? sub_of(offer, i) : NULL);
		wake_worker(&offer->workers[i]);
	}
}

bool link_offer_taken(const struct link_offer *offer, bool attach)
{
	for (uint32_t i = 0; i < offer->count; i++) {
		struct abi_sub *offered = attach ? sub_of(offer, i) : NULL;
		if (dp_ingest_sub(offer->workers[i].ingest) != offered) {
			return false;
		}
	}
	return true;
}

static int export(const struct link_offer *offer, uint32_t i, int *fds)
{
	const struct dp_link_worker *w = &offer->workers[i];

	fds[ABI_FD_PACKETS] = dp_region_export(w->packets);
	fds[ABI_FD_PUB] = dp_region_export(w->pub);
	fds[ABI_FD_SUB] = dp_region_export(&offer->subs[i]);
	fds[ABI_FD_NEWS] = w->news_fd;
	fds[ABI_FD_EVENTS] = w->events_fd;
	fds[ABI_FD_COMMANDS] = w->commands_fd;
	for (int fd = ABI_FD_PACKETS; fd <= ABI_FD_SUB; fd++) {
		if (fds[fd] < 0) {
			return fds[fd];
		}
	}
	return 0;
}

int link_offer_send(const struct link_offer *offer, uint32_t i, int socket_fd)
{
	const struct dp_link_worker *w = &offer->workers[i];
	struct abi_attach_worker message = {
		.worker = i,
		.packets_size = w->packets->size,
		.pub_size = w->pub->size,
		.sub_size = offer->subs[i].size,
	};
	int fds[ABI_ATTACH_FDS];
	int err = export(offer, i, fds);

	if (err == 0) {
		err = attach_send_worker(socket_fd, &message, fds);
	}
	for (int fd = ABI_FD_PACKETS; fd <= ABI_FD_SUB; fd++) {
		if (fds[fd] >= 0) {
			close(fds[fd]);
		}
	}
	return err;
}
