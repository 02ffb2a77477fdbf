#include "resolver.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolver_job {
	struct resolver_job *next;
	struct mailbox *box; /* NULL: forgotten */
	struct mail *mail;
	char host[256];
	char port[8];
};

struct resolver {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct resolver_job *first;
	struct resolver_job **last;
	struct resolver_job *current; /* in getaddrinfo() */
	bool started;                 /* the thread: only when there is a name to look up */
	bool stop;
};

static int lookup(const char *host, const char *port, int flags, struct addrinfo **addresses)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags,
	};

	*addresses = NULL;
	return getaddrinfo(host, port, &hints, addresses);
}

int resolver_numeric(const char *host, uint16_t port, struct addrinfo **addresses)
{
	char service[8];

	(void)snprintf(service, sizeof(service), "%u", port);
	return lookup(host, service, AI_NUMERICHOST, addresses);
}

static void job_destroy(struct resolver_job *job)
{
	if (job->mail) {
		mail_destroy(job->mail);
	}
	free(job);
}

/* With the lock held: resolver_forget() then knows that no post is on its way. */
static void answer(struct resolver_job *job, int error, struct addrinfo *addresses)
{
	job->mail->error = error;
	job->mail->addresses = addresses;
	if (job->box) {
		mailbox_post(job->box, job->mail);
		job->mail = NULL;
	}
	job_destroy(job);
}

/*
 * The same answer to all who wait for that name: a DNS that is slow to say no, asked for one stream
 * after the other, would keep the origins of all others waiting.
 */
static void answer_others(struct resolver *resolver, const struct resolver_job *failed, int error)
{
	struct resolver_job **at = &resolver->first;

	while (*at) {
		struct resolver_job *job = *at;

		if (strcmp(job->host, failed->host) != 0 || strcmp(job->port, failed->port) != 0) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		answer(job, error, NULL);
	}
	resolver->last = at;
}

/* Called and returns with the lock held. */
static void run_job(struct resolver *resolver, struct resolver_job *job)
{
	struct addrinfo *addresses;
	int error;

	resolver->current = job;
	pthread_mutex_unlock(&resolver->lock);
	error = lookup(job->host, job->port, AI_ADDRCONFIG, &addresses);
	pthread_mutex_lock(&resolver->lock);
	resolver->current = NULL;
	if (error) {
		answer_others(resolver, job, error);
	}
	answer(job, error, addresses);
}

static void drop_jobs(struct resolver *resolver)
{
	while (resolver->first) {
		struct resolver_job *job = resolver->first;

		resolver->first = job->next;
		job_destroy(job);
	}
	resolver->last = &resolver->first;
}

static void *resolver_main(void *arg)
{
	struct resolver *resolver = arg;

	pthread_mutex_lock(&resolver->lock);
	while (!resolver->stop) {
		struct resolver_job *job = resolver->first;

		if (!job) {
			pthread_cond_wait(&resolver->wake, &resolver->lock);
			continue;
		}
		resolver->first = job->next;
		if (!resolver->first) {
			resolver->last = &resolver->first;
		}
		run_job(resolver, job);
	}
	pthread_mutex_unlock(&resolver->lock);
	return NULL;
}

struct resolver *resolver_create(void)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver) {
		return NULL;
	}
	resolver->last = &resolver->first;
	pthread_mutex_init(&resolver->lock, NULL);
	pthread_cond_init(&resolver->wake, NULL);
	return resolver;
}

void resolver_destroy(struct resolver *resolver)
{
	bool busy;

	if (!resolver) {
		return;
	}
	pthread_mutex_lock(&resolver->lock);
	resolver->stop = true;
	busy = resolver->current != NULL;
	drop_jobs(resolver);
	pthread_cond_signal(&resolver->wake);
	pthread_mutex_unlock(&resolver->lock);
	if (busy) {
		/* It may hang in DNS for half a minute; the process ends, and it with it. */
		pthread_detach(resolver->thread);
		return;
	}
	if (resolver->started) {
		pthread_join(resolver->thread, NULL);
	}
	pthread_cond_destroy(&resolver->wake);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}

/* With the lock held. */
static bool start(struct resolver *resolver)
{
	if (!resolver->started &&
	    pthread_create(&resolver->thread, NULL, resolver_main, resolver) == 0) {
		resolver->started = true;
		(void)pthread_setname_np(resolver->thread, "resolver");
	}
	return resolver->started;
}

int resolver_ask(struct resolver *resolver, struct mailbox *box, struct mail *mail,
		 const char *host, uint16_t port)
{
	struct resolver_job *job = calloc(1, sizeof(*job));

	if (!job || strlen(host) >= sizeof(job->host)) {
		free(job);
		mail_destroy(mail);
		return -1;
	}
	job->box = box;
	job->mail = mail;
	(void)snprintf(job->host, sizeof(job->host), "%s", host);
	(void)snprintf(job->port, sizeof(job->port), "%u", port);
	pthread_mutex_lock(&resolver->lock);
	if (!start(resolver)) {
		pthread_mutex_unlock(&resolver->lock);
		job_destroy(job);
		return -1;
	}
	*resolver->last = job;
	resolver->last = &job->next;
	pthread_cond_signal(&resolver->wake);
	pthread_mutex_unlock(&resolver->lock);
	return 0;
}

void resolver_forget(struct resolver *resolver, const struct mailbox *box)
{
	pthread_mutex_lock(&resolver->lock);
	for (struct resolver_job *job = resolver->first; job; job = job->next) {
		if (job->box == box) {
			job->box = NULL;
		}
	}
	if (resolver->current && resolver->current->box == box) {
		resolver->current->box = NULL;
	}
	pthread_mutex_unlock(&resolver->lock);
}
