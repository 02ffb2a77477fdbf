/*
 * Positions of origins in `sub`: found again by key, never out of place, and after a kill between
 * any two writes nothing that leaves a gap.
 */
#include "relay/positions.h"

#include <string.h>

#include "check.h"

#define GENERATION 7
#define HEAD       1000

static struct abi_resume shared;
static struct positions positions;

static char host_a[] = "a.example";
static char host_b[] = "b.example";
static char host_c[] = "c.example";
static char app_live[] = "live";
static char app_liv[] = "liv";
static char name_x[] = "x";
static char name_ex[] = "ex";

static struct config_origin make(char *host, uint16_t port, char *app, char *name)
{
	return (struct config_origin){.host = host, .port = port, .app = app, .name = name};
}

static struct config_origin origin(char *host)
{
	return make(host, 1935, app_live, NULL);
}

static void open_with(const struct config_origin *origins, uint32_t count)
{
	positions_open(&positions, &shared, GENERATION, HEAD, origins, count);
}

static void clear(void)
{
	memset(&shared, 0, sizeof(shared));
}

static void test_keys(void)
{
	const struct config_origin all[] = {
		make(host_a, 1935, app_live, NULL),   make(host_b, 1935, app_live, NULL),
		make(host_a, 1936, app_live, NULL),   make(host_a, 1935 ^ 256, app_live, NULL),
		make(host_a, 1935, app_liv, name_ex), make(host_a, 1935, app_live, name_x),
	};
	const uint32_t count = sizeof(all) / sizeof(all[0]);
	struct config_origin same = all[0];

	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT_NOT_EQUAL(positions_key(&all[i]), 0);
		for (uint32_t j = 0; j < i; j++) {
			CU_ASSERT_NOT_EQUAL(positions_key(&all[i]), positions_key(&all[j]));
		}
	}
	/* How it is treated, and how its URL is spelled, does not make it another one. */
	same.url = name_x;
	same.behind_max_kib = 17;
	CU_ASSERT_EQUAL(positions_key(&same), positions_key(&all[0]));
	/* A successor is another build perhaps: the value is part of the contract. */
	CU_ASSERT_EQUAL(positions_key(&all[0]), UINT64_C(0x2d17b007364ee924));
}

/* The successor may have another order, origins that are new, and not have others any more. */
static void test_successor(void)
{
	const struct config_origin before[] = {origin(host_a), origin(host_b)};
	const struct config_origin after[] = {origin(host_c), origin(host_b), origin(host_a)};

	clear();
	open_with(before, 2);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 0);
	CU_ASSERT_EQUAL(positions_of(&positions, 1), 0);
	positions_store(&positions, 0, 100);
	positions_store(&positions, 1, 500);
	open_with(after, 3);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 0);
	CU_ASSERT_EQUAL(positions_of(&positions, 1), 500);
	CU_ASSERT_EQUAL(positions_of(&positions, 2), 100);
	positions_store(&positions, 0, 600);
	positions_store(&positions, 2, 200);
	open_with(before, 2);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 200);
	CU_ASSERT_EQUAL(positions_of(&positions, 1), 500);
	open_with(after, 1);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 600);
}

static void test_another_publication(void)
{
	const struct config_origin one[] = {origin(host_a)};

	clear();
	open_with(one, 1);
	positions_store(&positions, 0, 100);
	positions_open(&positions, &shared, GENERATION + 2, HEAD, one, 1);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 0);
	CU_ASSERT_EQUAL(shared.generation, GENERATION + 2);
}

/* The stream before still lingers while its slot is the next one's. */
static void test_not_ours_any_more(void)
{
	const struct config_origin one[] = {origin(host_a)};
	struct positions next;

	clear();
	open_with(one, 1);
	positions_open(&next, &shared, GENERATION + 2, HEAD, one, 1);
	positions_store(&next, 0, 10);
	positions_store(&positions, 0, 900);
	positions_open(&next, &shared, GENERATION + 2, HEAD, one, 1);
	CU_ASSERT_EQUAL(positions_of(&next, 0), 10);
}

static void test_beyond_the_head(void)
{
	const struct config_origin one[] = {origin(host_a)};

	clear();
	open_with(one, 1);
	positions_store(&positions, 0, HEAD);
	open_with(one, 1);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), HEAD);
	positions_store(&positions, 0, HEAD + 1);
	open_with(one, 1);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 0);
}

/* The same server twice: not to be told apart, so that both get what the slower one lacks. */
static void test_twins(void)
{
	const struct config_origin twins[] = {origin(host_a), origin(host_a)};

	clear();
	open_with(twins, 2);
	positions_store(&positions, 0, 500);
	positions_store(&positions, 1, 100);
	open_with(twins, 2);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 100);
	CU_ASSERT_EQUAL(positions_of(&positions, 1), 100);
	/* What was lowered in the copy is lowered in `sub`. */
	positions_store(&positions, 1, 800);
	open_with(twins, 2);
	CU_ASSERT_EQUAL(positions_of(&positions, 1), 100);
	open_with(twins, 1);
	CU_ASSERT_EQUAL(positions_of(&positions, 0), 100);
}

/* As many as there may be, all of them others than before. */
static void test_full(void)
{
	struct config_origin before[ABI_ORIGINS_MAX];
	struct config_origin after[ABI_ORIGINS_MAX];

	clear();
	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		before[i] = make(host_a, (uint16_t)(1000 + i), app_live, NULL);
		after[i] = make(host_b, (uint16_t)(1000 + i), app_live, NULL);
	}
	after[3] = before[9];
	open_with(before, ABI_ORIGINS_MAX);
	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		positions_store(&positions, i, 100 + i);
	}
	open_with(after, ABI_ORIGINS_MAX);
	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		CU_ASSERT_EQUAL(positions_of(&positions, i), i == 3 ? 109 : 0);
		positions_store(&positions, i, 200 + i);
	}
	open_with(after, ABI_ORIGINS_MAX);
	for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
		CU_ASSERT_EQUAL(positions_of(&positions, i), 200 + i);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"keys", test_keys},
		{"what a successor finds", test_successor},
		{"another publication", test_another_publication},
		{"not ours any more", test_not_ours_any_more},
		{"beyond the head", test_beyond_the_head},
		{"twins", test_twins},
		{"full", test_full},
		CU_TEST_INFO_NULL,
	};

	return check_run("positions", tests);
}
