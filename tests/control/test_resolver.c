/*
 * The resolver against a DNS that is slow to say no: getaddrinfo() is ours here.
 */
#include "relay/resolver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define ASKED 40u

static _Atomic uint32_t lookups;
static struct mailbox box;

static struct addrinfo *make_address(void)
{
	struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in));

	info->ai_family = AF_INET;
	info->ai_addrlen = sizeof(struct sockaddr_in);
	info->ai_addr = (struct sockaddr *)(info + 1);
	return info;
}

/* Instead of libc's: "slow.example" takes its time and does not exist, all others do. */
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

int main(void)
{
	CU_TestInfo tests[] = {
		{"a failure is for all who wait", test_failure_is_for_all},
		CU_TEST_INFO_NULL,
	};

	return check_run("resolver", tests);
}
