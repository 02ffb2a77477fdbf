#include "resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "journal.h"

struct resolver_job {
	struct resolver_job *next;
	struct mailbox *box; /* NULL: forgotten */
	struct mail *mail;   /* NULL: answered */
	char host[256];
	char port[8];
};

/* One of the threads: the one at work, or one that was given up and is still in getaddrinfo(). */
struct resolver_thread {
	struct resolver *resolver;
	struct resolver_job *job; /* in getaddrinfo() */
	uint64_t began_us;        /* ... since then */
	bool given_up;
	pthread_t id;
};

struct resolver {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct resolver_job *first;
	struct resolver_job **last;
	struct resolver_thread *thread; /* at work; NULL: nothing was asked yet */
	uint32_t given_up;              /* threads that have not come back */
	uint32_t users;                 /* the owner and all threads: the last one frees it */
	uint64_t lookups;
	uint64_t lookups_given_up;
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
	} else {
		mail_destroy(job->mail);
	}
	job->mail = NULL;
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
		job_destroy(job);
	}
	resolver->last = at;
}

/* Called and returns with the lock held. */
static void run_job(struct resolver_thread *thread, struct resolver_job *job)
{
	struct resolver *resolver = thread->resolver;
	struct addrinfo *addresses;
	int error;

	thread->job = job;
	thread->began_us = clock_us();
	resolver->lookups++;
	pthread_mutex_unlock(&resolver->lock);
	error = lookup(job->host, job->port, AI_ADDRCONFIG, &addresses);
	pthread_mutex_lock(&resolver->lock);
	thread->job = NULL;
	if (!job->mail) { /* too late: somebody else has answered */
		if (addresses) {
			freeaddrinfo(addresses);
		}
	} else {
		if (error) {
			answer_others(resolver, job, error);
		}
		answer(job, error, addresses);
	}
	job_destroy(job);
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

/* Called with the lock held. */
static void leave(struct resolver *resolver)
{
	bool last = --resolver->users == 0;

	pthread_mutex_unlock(&resolver->lock);
	if (last) {
		pthread_cond_destroy(&resolver->wake);
		pthread_mutex_destroy(&resolver->lock);
		free(resolver);
	}
}

/* With the lock held. It may hang in DNS for half a minute: nobody waits for it. */
static void give_up(struct resolver *resolver, struct resolver_thread *thread)
{
	pthread_detach(thread->id);
	thread->given_up = true;
	resolver->given_up++;
}

static void *resolver_main(void *arg)
{
	struct resolver_thread *thread = arg;
	struct resolver *resolver = thread->resolver;

	pthread_mutex_lock(&resolver->lock);
	while (!resolver->stop && !thread->given_up) {
		struct resolver_job *job = resolver->first;

		if (!job) {
			pthread_cond_wait(&resolver->wake, &resolver->lock);
			continue;
		}
		resolver->first = job->next;
		if (!resolver->first) {
			resolver->last = &resolver->first;
		}
		run_job(thread, job);
	}
	if (thread->given_up) {
		resolver->given_up--;
		free(thread);
	}
	leave(resolver);
	return NULL;
}

struct resolver *resolver_create(void)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver) {
		return NULL;
	}
	resolver->last = &resolver->first;
	resolver->users = 1;
	pthread_mutex_init(&resolver->lock, NULL);
	pthread_cond_init(&resolver->wake, NULL);
	return resolver;
}

void resolver_destroy(struct resolver *resolver)
{
	struct resolver_thread *thread;

	if (!resolver) {
		return;
	}
	pthread_mutex_lock(&resolver->lock);
	resolver->stop = true;
	thread = resolver->thread;
	drop_jobs(resolver);
	pthread_cond_broadcast(&resolver->wake);
	if (thread && thread->job) {
		give_up(resolver, thread);
		thread = NULL;
	}
	pthread_mutex_unlock(&resolver->lock);
	if (thread) {
		pthread_join(thread->id, NULL);
		free(thread);
	}
	pthread_mutex_lock(&resolver->lock);
	leave(resolver);
}

/* With the lock held. */
static bool start(struct resolver *resolver)
{
	struct resolver_thread *thread = calloc(1, sizeof(*thread));

	if (!thread) {
		return false;
	}
	thread->resolver = resolver;
	if (pthread_create(&thread->id, NULL, resolver_main, thread)) {
		free(thread);
		return false;
	}
	(void)pthread_setname_np(thread->id, "resolver");
	resolver->users++;
	resolver->thread = thread;
	return true;
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
	if (!resolver->thread && !start(resolver)) {
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
	if (resolver->thread && resolver->thread->job && resolver->thread->job->box == box) {
		resolver->thread->job->box = NULL;
	}
	pthread_mutex_unlock(&resolver->lock);
}

/* With the lock held. The thread stays in getaddrinfo(); another one takes over, if there may be.
 */
static void replace_thread(struct resolver *resolver)
{
	struct resolver_thread *stuck = resolver->thread;

	if (resolver->given_up >= RESOLVER_GIVEN_UP_MAX || !start(resolver)) {
		return;
	}
	give_up(resolver, stuck);
}

/* ... and nobody is left to take over: whoever waits has to come again. */
static void answer_all(struct resolver *resolver)
{
	for (struct resolver_job *job = resolver->first; job; job = job->next) {
		answer(job, EAI_AGAIN, NULL);
		resolver->lookups_given_up++;
	}
	drop_jobs(resolver);
}

/* ... in a lookup for longer than that. */
static bool is_stuck(const struct resolver_thread *thread, uint64_t now_us, uint64_t limit_us)
{
	return thread && thread->job && now_us > thread->began_us &&
	       now_us - thread->began_us >= limit_us;
}

bool resolver_look(struct resolver *resolver, uint64_t now_us, uint64_t limit_us)
{
	struct resolver_thread *thread;
	bool news = false;

	pthread_mutex_lock(&resolver->lock);
	thread = resolver->thread;
	if (is_stuck(thread, now_us, limit_us)) {
		news = thread->job->mail;
		if (news) {
			journal(CONFIG_LOG_ERROR, "resolver.stuck", "{s:s}", "host",
				thread->job->host);
			answer_others(resolver, thread->job, EAI_AGAIN);
			answer(thread->job, EAI_AGAIN, NULL);
			resolver->lookups_given_up++;
		}
		replace_thread(resolver);
		if (resolver->thread == thread) {
			answer_all(resolver);
		}
	}
	pthread_mutex_unlock(&resolver->lock);
	return news;
}

void resolver_status(struct resolver *resolver, struct resolver_status *status)
{
	pthread_mutex_lock(&resolver->lock);
	*status = (struct resolver_status){
		.lookups = resolver->lookups,
		.lookups_given_up = resolver->lookups_given_up,
		.threads_stuck = resolver->given_up,
	};
	if (resolver->thread && resolver->thread->job) {
		status->began_us = resolver->thread->began_us;
		status->threads_stuck += !resolver->thread->job->mail;
	}
	pthread_mutex_unlock(&resolver->lock);
}
