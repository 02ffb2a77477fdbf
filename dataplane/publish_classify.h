/*
 * What a message is to its publication: the flags, header kind and track of its log entry.
 */
#ifndef DP_PUBLISH_CLASSIFY_H
#define DP_PUBLISH_CLASSIFY_H

#include "dataplane/publish.h"

/* Fills in flags, header and track of an entry whose type is set. */
void publish_classify(struct publication *p, struct abi_log_entry *entry,
		      const struct message_pool *messages, const struct message *message);

#endif
