/*
 * The resolver against a DNS that is slow to say no, or says nothing: getaddrinfo() is ours here.
 */
#include "relay/resolver.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "journal.h"

#define ASKED    40u
#define LIMIT_US (30 * US_PER_S)

static _Atomic uint32_t lookups;
static _Atomic bool silent; /* nothing comes back from a lookup of "stuck..." */
static struct mailbox box;

static struct addrinfo *make_address(void)
{
	struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in));

	info->ai_family = AF_INET;
	info->ai_addrlen = sizeof(struct sockaddr_in);
	info->ai_addr = (struct sockaddr *)(info + 1);
	return info;
}

/* Instead of libc's: "slow.example" takes its time and does not exist, all others do; that of
 * "stuck..." takes as long as a test wants. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's are reserved */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **addresses)
{
	(void)service;
	(void)hints;
	atomic_fetch_add(&lookups, 1);
	if (strcmp(host, "slow.example") == 0) {
		usleep(100000);
		return EAI_AGAIN;
	}
	while (strncmp(host, "stuck", 5) == 0 && atomic_load(&silent)) {
		usleep(1000);
	}
	*addresses = make_address();
	return 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void freeaddrinfo(struct addrinfo *addresses)
{
	free(addresses);
}

static void ask(struct resolver *resolver, const char *host, uint32_t index)
{
	struct mail *mail = mail_create(MAIL_RESOLVED);

	mail->index = index;
	CU_ASSERT_EQUAL(resolver_ask(resolver, &box, mail, host, 1935), 0);
}

/* Takes `count` answers and says which of them are errors; indices are below 64. */
static uint64_t take_errors(uint32_t count)
{
	uint64_t errors = 0;

	while (count > 0) {
		struct pollfd fd = {.fd = box.fd, .events = POLLIN};
		struct mail *mail;

		CU_ASSERT_FATAL(poll(&fd, 1, 20000) == 1);
		mail = mailbox_take(&box);
		while (mail) {
			struct mail *next = mail->next;

			errors |= (uint64_t)(mail->error != 0) << mail->index;
			mail_destroy(mail);
			mail = next;
			count--;
		}
	}
	return errors;
}

/* Forty streams whose origin has no address: one lookup says so to all who wait by then. */
static void test_failure_is_for_all(void)
{
	struct resolver *resolver = resolver_create();

	CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
	CU_ASSERT_EQUAL_FATAL(mailbox_init(&box), 0);
	for (uint32_t i = 0; i < ASKED; i++) {
		ask(resolver, "slow.example", i);
	}
	ask(resolver, "good.example", ASKED);
	CU_ASSERT_EQUAL(take_errors(ASKED + 1), (UINT64_C(1) << ASKED) - 1);
	CU_ASSERT(atomic_load(&lookups) < ASKED / 2);
	resolver_destroy(resolver);
	mailbox_fini(&box);
}

static struct resolver_status status(struct resolver *resolver)
{
	struct resolver_status status;

	resolver_status(resolver, &status);
	return status;
}

/* A lookup that hangs is answered for all who wait for it, and another thread takes the rest. */
static void test_hang_is_noticed(void)
{
	struct resolver *resolver = resolver_create();

	CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
	CU_ASSERT_EQUAL_FATAL(mailbox_init(&box), 0);
	atomic_store(&silent, true);
	CU_ASSERT_FALSE(resolver_look(resolver, clock_us() + LIMIT_US, LIMIT_US));
	ask(resolver, "stuck.example", 0);
	WAIT_FOR(status(resolver).began_us != 0);
	ask(resolver, "good.example", 1);
	ask(resolver, "stuck.example", 2);
	CU_ASSERT_FALSE(resolver_look(resolver, clock_us(), LIMIT_US));
	CU_ASSERT_TRUE(resolver_look(resolver, clock_us() + LIMIT_US, LIMIT_US));
	CU_ASSERT_EQUAL(take_errors(3), 1 << 0 | 1 << 2);
	CU_ASSERT_EQUAL(status(resolver).threads_stuck, 1);
	CU_ASSERT_EQUAL(status(resolver).lookups_given_up, 1);
	/* What comes after all is nobody's any more. */
	atomic_store(&silent, false);
	WAIT_FOR(status(resolver).threads_stuck == 0);
	ask(resolver, "stuck.example", 3);
	CU_ASSERT_EQUAL(take_errors(1), 0);
	resolver_destroy(resolver);
	mailbox_fini(&box);
}

/* With a name after the other hanging there is an end to the threads; nobody waits for ever. */
static void test_threads_are_bounded(void)
{
	static const char *const hosts[] = {"stuck0", "stuck1", "stuck2", "stuck3", "stuck4"};
	struct resolver *resolver = resolver_create();

	CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
	CU_ASSERT_EQUAL_FATAL(mailbox_init(&box), 0);
	atomic_store(&silent, true);
	for (uint32_t i = 0; i <= RESOLVER_GIVEN_UP_MAX; i++) {
		ask(resolver, hosts[i], i);
		WAIT_FOR(status(resolver).lookups == i + 1);
		CU_ASSERT_TRUE(resolver_look(resolver, clock_us() + LIMIT_US, LIMIT_US));
		CU_ASSERT_EQUAL(take_errors(1), UINT64_C(1) << i);
	}
	CU_ASSERT_EQUAL(status(resolver).threads_stuck, RESOLVER_GIVEN_UP_MAX + 1);
	/* Nobody is left to ask: the answer is to come again. */
	ask(resolver, "good.example", 7);
	CU_ASSERT_FALSE(resolver_look(resolver, clock_us() + LIMIT_US, LIMIT_US));
	CU_ASSERT_EQUAL(take_errors(1), 1 << 7);
	atomic_store(&silent, false);
	WAIT_FOR(status(resolver).threads_stuck == 0);
	ask(resolver, "good.example", 8);
	CU_ASSERT_EQUAL(take_errors(1), 0);
	resolver_destroy(resolver);
	mailbox_fini(&box);
}

static uint32_t threads_at_start;

static uint32_t threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	uint32_t count = 0;

	if (tasks == NULL) {
		return 0;
	}
	while (readdir(tasks) != NULL) {
		count++;
	}
	closedir(tasks);
	return count;
}

static void *nothing(void *arg)
{
	return arg;
}

/* Sanitizers begin a thread of their own beside the first one of ours. */
static uint32_t count_threads_at_start(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL) == 0) {
		(void)pthread_join(thread, NULL);
	}
	return threads();
}

/* The process ends while one hangs. */
static void test_end_while_one_hangs(void)
{
	struct resolver *resolver = resolver_create();

	CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
	CU_ASSERT_EQUAL_FATAL(mailbox_init(&box), 0);
	atomic_store(&silent, true);
	ask(resolver, "stuck.example", 0);
	WAIT_FOR(status(resolver).began_us != 0);
	CU_ASSERT_TRUE(resolver_look(resolver, clock_us() + LIMIT_US, LIMIT_US));
	CU_ASSERT_EQUAL(take_errors(1), 1);
	resolver_forget(resolver, &box);
	mailbox_fini(&box);
	resolver_destroy(resolver);
	atomic_store(&silent, false);
	WAIT_FOR(threads() == threads_at_start); /* it came back to a resolver that is over */
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a failure is for all who wait", test_failure_is_for_all},
		{"a lookup that hangs is noticed", test_hang_is_noticed},
		{"threads that hang are bounded", test_threads_are_bounded},
		{"the end, while one hangs", test_end_while_one_hangs},
		CU_TEST_INFO_NULL,
	};

	journal_init(CONFIG_LOG_ERROR);
	threads_at_start = count_threads_at_start();
	return check_run("resolver", tests);
}
