/*
 * The whole process but main(): a dataplane made of memory is attached over a real socket,
 * publishes are decided, streams relayed, and the control socket is asked.
 */
#include "control.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <jansson.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "fake_origin.h"
#include "fake_worker.h"
#include "journal.h"

static char run_dir[] = "/tmp/penstock-test-XXXXXX";
static char name_app[] = "live";
static char name_out[] = "out";
static char name_key[] = "studio";
static char key[] = "s3cret";
static char host[] = "127.0.0.1";
static char url[] = "rtmp://127.0.0.1/out";

static struct fake_worker worker;
static struct fake_origin *origin;
static struct control control;
static pthread_t thread;
static bool running; /* a test that gave up left its control behind */
static int listener;
static int attached;
static uint64_t commands_read;
static uint64_t silent_us = UINT64_MAX; /* the worker's heart beats only when a test says so */
static uint64_t lookup_us;              /* 0: as it is */
static uint64_t shutdown_us;            /* ... */
static uint64_t drain_until_us;         /* as a control before this one left it */
static const char *drain_target = "rtmp://other";
static int receive_buffer; /* of the origin; the relay's is half of it */

static struct config_key keys[] = {{.name = name_key, .key = key}};
static struct config_origin origin_config = {
	.url = url, .host = host, .app = name_out, .behind_max_kib = 8192};
static struct config_app app = {.name = name_app,
				.keys = keys,
				.keys_count = 1,
				.origins = &origin_config,
				.origins_count = 1,
				.gop_max_kib = 32768};
static struct config config = {.run_dir = run_dir, .apps = &app, .apps_count = 1};

/* "stuck" is a name that libc never comes back from, until the test has seen enough. */
static _Atomic bool dns_silent;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's are reserved */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **addresses)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (strcmp(node, "stuck") == 0) {
		while (!(hints->ai_flags & AI_NUMERICHOST) && atomic_load(&dns_silent)) {
			usleep(1000);
		}
		return EAI_NONAME;
	}
	*(void **)(void *)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, addresses);
}

static void *control_main(void *arg)
{
	control_run(arg);
	return NULL;
}

static int listen_dataplane(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/dataplane.sock", run_dir);
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1)) {
		abort();
	}
	return fd;
}

static void send_descriptors(int fd)
{
	int fds[ABI_ATTACH_FDS] = {worker.packets_memfd, worker.pub_memfd, worker.sub_memfd,
				   worker.news_fd,       worker.events_fd, worker.commands_fd};
	struct abi_attach_worker hello = {.packets_size = FAKE_PACKETS,
					  .pub_size = worker.pub_size,
					  .sub_size = worker.sub_size};
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} memory = {0};
	struct iovec iov = {&hello, sizeof(hello)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = memory.bytes,
			     .msg_controllen = sizeof(memory.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	CU_ASSERT_EQUAL(sendmsg(fd, &msg, 0), (ssize_t)sizeof(hello));
}

/* Within as long as others wait for what should come. */
static bool is_asked_to_attach(void)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};

	return poll(&poll_fd, 1, 20000) == 1;
}

static void serve_attach(void)
{
	struct abi_attach_request request;
	struct abi_attach_reply reply = {.magic = ABI_MAGIC,
					 .version = ABI_VERSION,
					 .generation = 77,
					 .epoch = 1,
					 .workers = 1,
					 .pid = 4711};

	CU_ASSERT_FATAL(is_asked_to_attach());
	attached = accept(listener, NULL, NULL);
	CU_ASSERT_EQUAL_FATAL(recv(attached, &request, sizeof(request), MSG_WAITALL),
			      (ssize_t)sizeof(request));
	CU_ASSERT_EQUAL(request.pid, (uint32_t)getpid());
	CU_ASSERT_EQUAL(send(attached, &reply, sizeof(reply), 0), (ssize_t)sizeof(reply));
	send_descriptors(attached);
}

static void start_worker(void)
{
	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	commands_read = 0;
	listener = listen_dataplane();
}

static void init_control(void)
{
	CU_ASSERT_FALSE_FATAL(running);
	CU_ASSERT_EQUAL_FATAL(control_init(&control, &config), 0);
}

static void start_control(void)
{
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, control_main, &control), 0);
	running = true;
}

static void join_control(void)
{
	pthread_join(thread, NULL);
	running = false;
}

static void set_up(void)
{
	origin = fake_origin_create(receive_buffer);
	origin_config.port = fake_origin_port(origin);
	start_worker();
	atomic_store(&worker.pub->drain_until_us, drain_until_us);
	snprintf(worker.pub->drain_target, sizeof(worker.pub->drain_target), "%s", drain_target);
	init_control();
	control.silent_us = silent_us;
	control.inject = true;
	control.lookup_us = lookup_us ? lookup_us : control.lookup_us;
	control.relay_settings.shutdown_us =
		shutdown_us ? shutdown_us : control.relay_settings.shutdown_us;
	control.relay_settings.send_buffer = receive_buffer / 2;
	start_control();
	serve_attach();
}

static void close_all(void)
{
	control_fini(&control);
	close(attached);
	close(listener);
	fake_worker_fini(&worker);
	fake_origin_destroy(origin);
}

static void tear_down(void)
{
	kill(getpid(), SIGTERM);
	join_control();
	close_all();
}

/* The next command as the worker would take it. */
static struct abi_command next_command(void)
{
	struct abi_command command;

	WAIT_FOR(atomic_load(&worker.sub->command_head) > commands_read);
	command = worker.sub->commands[commands_read % ABI_COMMAND_RING];
	commands_read++;
	atomic_store(&worker.pub->command_tail, commands_read);
	return command;
}

static void publish(uint32_t slot, uint64_t generation, const char *app_name, const char *asked)
{
	fake_pending(&worker, slot, generation, app_name, asked);
	fake_event(&worker, ABI_EVENT_PUBLISH, slot);
}

/* Reads the eventfd that wakes the worker. */
static bool is_woken(void)
{
	uint64_t count;

	return read(worker.commands_fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

static void go_live(uint32_t slot, const char *name)
{
	fake_live(&worker, slot, name);
	fake_event(&worker, ABI_EVENT_LIVE, slot);
}

static void end(uint32_t slot)
{
	fake_end(&worker, slot);
	fake_event(&worker, ABI_EVENT_ENDED, slot);
}

/* Asks the control socket; the caller owns the reply. */
static json_t *ask(const char *request)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char line[65536];
	size_t length = 0;
	ssize_t n;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", run_dir);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return NULL;
	}
	/* It may hang up in the middle of a request that is too long. */
	(void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
	(void)!send(fd, "\n", 1, MSG_NOSIGNAL);
	while (length < sizeof(line) - 1 &&
	       (n = read(fd, line + length, sizeof(line) - 1 - length)) > 0) {
		length += (size_t)n;
		if (line[length - 1] == '\n') {
			break;
		}
	}
	close(fd);
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0'; /* the first reply */
	return json_loads(line, 0, NULL);
}

/* An integer or string deep in a reply, "streams.0.name", as text. */
static const char *at(json_t *reply, const char *path)
{
	static char text[512];
	char copy[128];
	char *rest = copy;
	char *part;

	snprintf(copy, sizeof(copy), "%s", path);
	while (reply && (part = strsep(&rest, ".")) != NULL) {
		reply = json_is_array(reply) ? json_array_get(reply, (size_t)atoi(part))
					     : json_object_get(reply, part);
	}
	if (json_is_string(reply)) {
		return json_string_value(reply);
	}
	if (!json_is_integer(reply)) {
		return json_is_true(reply) ? "true" : json_is_false(reply) ? "false" : "";
	}
	snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(reply));
	return text;
}

static bool says(const char *request, const char *path, const char *value)
{
	json_t *reply = ask(request);
	bool right = reply && strcmp(at(reply, path), value) == 0;

	json_decref(reply);
	return right;
}

static void test_publish_to_origin(void)
{
	struct fake_message m = {9, ABI_LOG_KEYFRAME, 0, 1000, 300};
	struct abi_command command;

	set_up();
	publish(0, 1, "live", "studio?key=s3cret");
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_ACCEPT);
	CU_ASSERT_EQUAL(command.generation, 1);
	CU_ASSERT_STRING_EQUAL(command.name, "studio");
	go_live(0, "studio");
	for (int i = 0; i < 20; i++) {
		CU_ASSERT(fake_send(&worker, 0, &m));
	}
	WAIT_FOR(fake_origin_count(origin) == 20);
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.origins.0.messages", "20"));
	CU_ASSERT(
		says("{\"command\":\"stream\",\"name\":\"live/studio\"}", "stream.state", "live"));
	CU_ASSERT(says("{\"command\":\"origins\"}", "origins.0.name", "studio"));
	CU_ASSERT(says("{\"command\":\"origins\"}", "origins.0.state", "publishing"));

	/* A second one under that name, wherever it comes from. */
	publish(1, 1, "live", "s3cret");
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_REJECT);
	CU_ASSERT_EQUAL(command.slot, 1);
	CU_ASSERT_EQUAL(command.value, RTMP_REJECT_BUSY);
	fake_free(&worker, 1);

	/* It ends; the name is free before the log is drained. */
	end(0);
	publish(1, 3, "live", "s3cret");
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_ACCEPT);
	WAIT_FOR(worker.sub->tail[0].position == fake_stream(&worker, 0)->head);
	WAIT_FOR(fake_origin_unpublished(origin) == 1);
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.publishes_accepted", "2"));
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.publishes_rejected_busy",
		       "1"));
	CU_ASSERT(
		says("{\"command\":\"counters\"}", "counters.workers.0.counters.rx_packets", "5"));
	tear_down();
}

static void test_refusals(void)
{
	struct abi_command command;

	set_up();
	publish(0, 1, "live", "studio?key=wrong");
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_REJECT);
	CU_ASSERT_EQUAL(command.value, RTMP_REJECT_AUTH);
	publish(1, 1, "dead", "studio?key=s3cret");
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_APP);
	publish(2, 1, "live", "");
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_NAME);
	/* Names that do not end. */
	fake_pending(&worker, 3, 1, "live", "x");
	memset(fake_stream(&worker, 3)->asked, 'x', ABI_NAME_MAX);
	fake_event(&worker, ABI_EVENT_PUBLISH, 3);
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_NAME);
	CU_ASSERT(says("{\"command\":\"streams\"}", "ok", "true"));
	CU_ASSERT(says("{\"command\":\"streams\"}", "streams.0.name", ""));
	tear_down();
}

/* A worker that is awake looks at its commands anyway; one that sleeps has to be told. */
static void test_sleeping_worker_is_woken(void)
{
	bool woken = false;

	set_up();
	publish(2, 7, "live", "awake?key=wrong");
	(void)next_command();
	json_decref(ask("{\"command\":\"status\"}")); /* its turn is over */
	CU_ASSERT_FALSE(is_woken());
	atomic_store(&worker.pub->sleeping, 1);
	publish(3, 7, "live", "asleep?key=wrong");
	(void)next_command();
	WAIT_FOR(woken || (woken = is_woken()));
	woken = false;
	json_decref(ask("{\"command\":\"status\"}"));
	CU_ASSERT_FALSE(is_woken());
	publish(1, 1, "live", "studio?key=s3cret");
	(void)next_command();
	WAIT_FOR(woken || (woken = is_woken()));
	woken = false;
	go_live(1, "studio");
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.state", "live"));
	CU_ASSERT_FALSE(is_woken());
	CU_ASSERT(says("{\"command\":\"kick\",\"name\":\"live/studio\"}", "ok", "true"));
	WAIT_FOR(woken || (woken = is_woken()));
	tear_down();
}

static void test_kick(void)
{
	struct abi_command command;

	set_up();
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.state", "live"));
	CU_ASSERT(says("{\"command\":\"kick\",\"name\":\"live/nobody\"}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"kick\",\"name\":\"live/studio\"}", "ok", "true"));
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_KICK);
	CU_ASSERT_EQUAL(command.value, RTMP_REJECT_KICKED);
	tear_down();
}

/* What the worker enforces is told with the accept. */
static void test_limits(void)
{
	struct abi_command command;

	app.admission = (struct config_stream_limits){
		.message_max = 5000, .idle_timeout_s = 7, .first_media_timeout_s = 3};
	set_up();
	publish(0, 1, "live", "s3cret");
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_ACCEPT);
	CU_ASSERT_EQUAL(command.message_max, 5000);
	CU_ASSERT_EQUAL(command.idle_ms, 7000);
	CU_ASSERT_EQUAL(command.first_media_ms, 3000);
	tear_down();
	memset(&app.admission, 0, sizeof(app.admission));
}

/* The last of them with their reasons, and nothing that may be a key. */
static void test_rejects(void)
{
	static const char request[] = "{\"command\":\"rejects\"}";

	set_up();
	publish(0, 1, "live", "hushhush");
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_AUTH);
	WAIT_FOR(says(request, "rejects.0.reason", "auth"));
	CU_ASSERT(says(request, "rejects.0.app", "live"));
	CU_ASSERT(says(request, "rejects.0.name", ""));
	CU_ASSERT(says(request, "rejects.0.text", rtmp_reject_text(RTMP_REJECT_AUTH)));
	publish(1, 1, "li\033[31mve/hushhush", "x");
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_APP);
	WAIT_FOR(says(request, "rejects.0.reason", "app"));
	CU_ASSERT(says(request, "rejects.0.app", "li?[31mve/***"));
	CU_ASSERT(says(request, "rejects.1.reason", "auth"));
	tear_down();
}

/* Slot 0 can be asked to leave, slot 1 cannot. */
static void drain_two(const char *request)
{
	set_up();
	publish(0, 1, "live", "s3cret");
	fake_stream(&worker, 0)->caps_ex = ABI_CAPS_RECONNECT;
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	publish(1, 1, "live", "open");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(1, "open");
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.1.state", "live"));
	CU_ASSERT(says(request, "drain.active", "true"));
}

static void test_drain(void)
{
	static const char status[] = "{\"command\":\"status\"}";
	struct abi_command command;

	app.open = true;
	drain_two("{\"command\":\"drain\",\"target\":\"rtmp://other:1936\",\"timeout_ms\":90000}");
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_DRAIN);
	CU_ASSERT_STRING_EQUAL(command.name, "rtmp://other:1936");
	CU_ASSERT(command.drain_until_us > control.started_us + 80000000);
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_RECONNECT);
	CU_ASSERT_EQUAL(command.slot, 0);
	CU_ASSERT_EQUAL(command.generation, 1);
	CU_ASSERT_STRING_EQUAL(command.name, "rtmp://other:1936/live");
	WAIT_FOR(says(status, "status.drain.asked", "1"));
	CU_ASSERT(says(status, "status.drain.active", "true"));
	CU_ASSERT(says(status, "status.drain.target", "rtmp://other:1936"));
	CU_ASSERT(says(status, "status.drain.streams", "2"));
	/* New ones are refused, with a reason; those with a wrong key learn nothing new. */
	publish(2, 1, "live", "another");
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_REJECT);
	CU_ASSERT_EQUAL(command.value, RTMP_REJECT_DRAINING);
	publish(3, 1, "live", "studio?key=wrong");
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_AUTH);
	fake_free(&worker, 2);
	end(0);
	WAIT_FOR(says(status, "status.drain.streams", "1"));
	CU_ASSERT(says("{\"command\":\"undrain\"}", "undrain.active", "false"));
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_DRAIN);
	CU_ASSERT_EQUAL(command.drain_until_us, 0);
	publish(2, 3, "live", "another");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	tear_down();
	app.open = false;
}

/* The publisher gets the whole of it, whoever looks gets no secrets. */
static void test_drain_secrets(void)
{
	static const struct {
		const char *target;
		const char *shown;
		const char *asked;
	} cases[] = {
		{"rtmp://me:secret@other:1936", "rtmp://***@other:1936",
		 "rtmp://me:secret@other:1936/live"},
		{"rtmps://a@b@[fd00::1]/x?key=secret", "rtmps://***@[fd00::1]/x?***",
		 "rtmps://a@b@[fd00::1]/x?key=secret"},
		{"rtmp://other/x/secret?a=b", "rtmp://other/x/***", "rtmp://other/x/secret?a=b"},
		{"rtmp://other/x", "rtmp://other/x", "rtmp://other/x"},
		{"rtmp://[::1]:65535/", "rtmp://[::1]:65535/", "rtmp://[::1]:65535/live"},
	};

	app.open = true;
	drain_two("{\"command\":\"drain\"}");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_DRAIN);
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_RECONNECT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char request[128];

		snprintf(request, sizeof(request), "{\"command\":\"drain\",\"target\":\"%s\"}",
			 cases[i].target);
		CU_ASSERT(says(request, "drain.target", cases[i].shown));
		CU_ASSERT(says("{\"command\":\"status\"}", "status.drain.target", cases[i].shown));
		CU_ASSERT_STRING_EQUAL(next_command().name, cases[i].target);
		CU_ASSERT_STRING_EQUAL(next_command().name, cases[i].asked);
	}
	tear_down();
	app.open = false;
}

static void test_drain_is_over(void)
{
	struct abi_command command;

	app.open = true;
	drain_two("{\"command\":\"drain\",\"timeout_ms\":300}");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_DRAIN);
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_RECONNECT);
	CU_ASSERT_STRING_EQUAL(command.name, "");
	for (int i = 0; i < 2; i++) {
		command = next_command();
		CU_ASSERT_EQUAL(command.type, ABI_COMMAND_KICK);
		CU_ASSERT_EQUAL(command.value, RTMP_REJECT_DRAINING);
	}
	WAIT_FOR(says("{\"command\":\"counters\"}", "counters.control.streams_drained", "2"));
	CU_ASSERT(says("{\"command\":\"rejects\"}", "rejects.0.reason", "draining"));
	usleep(300000); /* ended once, not with every tick */
	CU_ASSERT_EQUAL(atomic_load(&worker.sub->command_head), commands_read);
	tear_down();
	app.open = false;
}

/* A control that was killed while it drained. */
static void test_drain_is_resumed(void)
{
	drain_until_us = UINT64_MAX;
	set_up();
	WAIT_FOR(says("{\"command\":\"status\"}", "status.drain.active", "true"));
	CU_ASSERT(says("{\"command\":\"status\"}", "status.drain.target", "rtmp://other"));
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_DRAIN);
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_DRAINING);
	tear_down();
	/* What is no target is none that anybody is sent to, or that is shown. */
	drain_target = "rtmp://other:0/a\tb";
	set_up();
	WAIT_FOR(says("{\"command\":\"status\"}", "status.drain.active", "true"));
	CU_ASSERT(says("{\"command\":\"status\"}", "status.drain.target", ""));
	CU_ASSERT_STRING_EQUAL(next_command().name, "");
	tear_down();
	drain_target = "rtmp://other";
	drain_until_us = 0;
}

/* A worker that had no room for it is told again, or the next control would go on draining. */
static void test_undrain_is_told_again(void)
{
	uint64_t last;

	app.open = true;
	drain_two("{\"command\":\"drain\"}");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_DRAIN);
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_RECONNECT);
	do { /* nobody takes commands: they fill the ring */
		last = atomic_load(&worker.sub->command_head);
		CU_ASSERT(says("{\"command\":\"drain\"}", "drain.active", "true"));
	} while (atomic_load(&worker.sub->command_head) != last);
	CU_ASSERT(says("{\"command\":\"undrain\"}", "undrain.active", "false"));
	usleep(300000);
	while (commands_read < last) {
		(void)next_command();
	}
	WAIT_FOR(atomic_load(&worker.sub->command_head) > last);
	if (atomic_load(&worker.sub->command_head) > last) {
		struct abi_command command = next_command();

		CU_ASSERT_EQUAL(command.type, ABI_COMMAND_DRAIN);
		CU_ASSERT_EQUAL(command.drain_until_us, 0);
	}
	tear_down();
	app.open = false;
}

static void test_drain_requests(void)
{
	static const char *const targets[] = {"",
					      "http://other",
					      "rtmp://",
					      "rtmp:///live",
					      "rtmp://:1935",
					      "rtmp://:1935/live",
					      "rtmp://me:secret@/live",
					      "rtmp://me:secret@:1935/live",
					      "rtmp://other:",
					      "rtmp://other:0/live",
					      "rtmp://other:65536",
					      "rtmp://other:19x5",
					      "rtmp://[]",
					      "rtmp://[::1",
					      "rtmp://[other]:1935",
					      "rtmp://[::1]1935",
					      "rtmp://other?key=secret",
					      "rtmp://other/?key=secret",
					      "rtmp://other//live",
					      "rtmp://a b/",
					      "rtmp://a\\u001b/",
					      "rtmp://a\\\"/",
					      "other"};

	set_up();
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char request[128];

		snprintf(request, sizeof(request), "{\"command\":\"drain\",\"target\":\"%s\"}",
			 targets[i]);
		CU_ASSERT(says(request, "ok", "false"));
	}
	CU_ASSERT(says("{\"command\":\"drain\",\"target\":7}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"drain\",\"timeout_ms\":0}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"drain\",\"timeout_ms\":-5}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"status\"}", "status.drain.active", "false"));
	CU_ASSERT_EQUAL(atomic_load(&worker.sub->command_head), 0);
	tear_down();
}

static void test_bad_requests(void)
{
	static char longer[API_LINE_MAX + 10];

	set_up();
	WAIT_FOR(says("{\"command\":\"status\"}", "status.dataplane.attached", "true"));
	CU_ASSERT(says("{\"command\":\"status\"}", "status.dataplane.pid", "4711"));
	CU_ASSERT(says("{\"command\":\"workers\"}", "workers.0.packets_total", "1000"));
	CU_ASSERT(says("nonsense", "ok", "false"));
	CU_ASSERT(says("{}", "ok", "false"));
	CU_ASSERT(says("[]", "ok", "false"));
	CU_ASSERT(says("{\"command\":7}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"format\"}", "error", "unknown command"));
	CU_ASSERT(says("{\"command\":\"stream\"}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"status\"}\n{\"command\":\"workers\"}", "ok", "true"));
	memset(longer, 'x', sizeof(longer) - 1);
	CU_ASSERT(says(longer, "ok", "false"));
	tear_down();
}

/* The dataplane dies and another one comes: nothing of the first is left. */
static void test_dataplane_comes_back(void)
{
	set_up();
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.state", "live"));
	close(attached);
	close(listener);
	WAIT_FOR(says("{\"command\":\"status\"}", "status.dataplane.attached", "false"));
	CU_ASSERT(says("{\"command\":\"streams\"}", "streams.0.name", ""));
	CU_ASSERT(says("{\"command\":\"origins\"}", "ok", "true"));
	CU_ASSERT(says("{\"command\":\"workers\"}", "ok", "true"));
	fake_worker_fini(&worker);

	start_worker();
	/* Live already when control comes, as after a restart of control. */
	fake_pending(&worker, 2, 5, "live", "");
	fake_live(&worker, 2, "studio");
	fake_pending(&worker, 3, 5, "gone", "");
	fake_live(&worker, 3, "x");
	serve_attach();
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.state", "live"));
	CU_ASSERT(says("{\"command\":\"streams\"}", "streams.0.slot", "2"));
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.attaches", "2"));
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_KICK); /* its application is no more */
	publish(0, 9, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().value, RTMP_REJECT_BUSY);
	tear_down();
}

/* Ended, with a rest, beside a live one of the same name, whichever stands first in the table. */
static void test_takes_over_ended_streams(void)
{
	struct fake_message m = {9, ABI_LOG_KEYFRAME, 0, 1000, 300};

	for (uint32_t live = 0; live < 2; live++) {
		uint32_t ended = 1 - live;

		origin = fake_origin_create(0);
		origin_config.port = fake_origin_port(origin);
		start_worker();
		fake_pending(&worker, ended, 1, "live", "");
		fake_live(&worker, ended, "studio");
		for (int i = 0; i < 5; i++) {
			CU_ASSERT(fake_send(&worker, ended, &m));
		}
		fake_end(&worker, ended);
		fake_pending(&worker, live, 1, "live", "");
		fake_live(&worker, live, "studio");
		fake_attach(&worker);
		worker.sub->epoch = 1;
		init_control();
		control.silent_us = silent_us;
		start_control();
		serve_attach();
		WAIT_FOR(says("{\"command\":\"counters\"}",
			      "counters.control.relay_streams_adopted", "2"));
		CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.streams_resumed",
			       "2"));
		CU_ASSERT(says("{\"command\":\"stream\",\"name\":\"live/studio\"}", "stream.state",
			       "live"));
		CU_ASSERT_EQUAL(atomic_load(&worker.sub->command_head), 0); /* nobody is kicked */
		tear_down();
	}
}

/* DNS does not come back: it is seen, counted, and the origin tries again. */
static void test_stuck_resolver(void)
{
	static char name_stuck[] = "stuck";

	lookup_us = 1;
	origin_config.host = name_stuck;
	atomic_store(&dns_silent, true);
	set_up();
	CU_ASSERT(says("{\"command\":\"status\"}", "status.resolver.threads_stuck", "0"));
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	WAIT_FOR(!says("{\"command\":\"status\"}", "status.resolver.threads_stuck", "0"));
	WAIT_FOR(!says("{\"command\":\"streams\"}", "streams.0.origins.0.failures", "0"));
	WAIT_FOR(!says("{\"command\":\"counters\"}", "counters.control.resolver_stuck", "0"));
	/* The second one hangs, too: it was asked for by another thread. */
	WAIT_FOR(says("{\"command\":\"status\"}", "status.resolver.threads_stuck", "2"));
	atomic_store(&dns_silent, false);
	WAIT_FOR(says("{\"command\":\"status\"}", "status.resolver.threads_stuck", "0"));
	tear_down();
	origin_config.host = host;
	lookup_us = 0;
}

/* SIGTERM while an origin is behind: the process stays until it has everything. */
static void test_end_waits_for_origins(void)
{
	struct fake_message m = {9, ABI_LOG_KEYFRAME, 0, 20000, 1448};

	receive_buffer = 262144;
	shutdown_us = 60000000;
	set_up();
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	CU_ASSERT(fake_send(&worker, 0, &m));
	WAIT_FOR(fake_origin_count(origin) == 1);
	fake_origin_stall(origin, true);
	for (int i = 1; i < 150; i++) {
		CU_ASSERT(fake_send(&worker, 0, &m));
	}
	WAIT_FOR(!says("{\"command\":\"streams\"}", "streams.0.origins.0.lag_bytes", "0"));
	kill(getpid(), SIGTERM);
	usleep(300000); /* it has had the signal, and might be over */
	CU_ASSERT(fake_origin_count(origin) < 150);
	fake_origin_stall(origin, false);
	join_control();
	/* All of it is with the origin's kernel: the origin may still be reading. */
	WAIT_FOR(fake_origin_count(origin) == 150);
	WAIT_FOR(fake_origin_unpublished(origin) == 1);
	close_all();
	receive_buffer = 0;
	shutdown_us = 0;
}

static void test_memory(void)
{
	struct fake_message m = {9, ABI_LOG_KEYFRAME, 0, 1000, 300};

	set_up();
	worker.pub->pinned_log_bytes = 4711;
	worker.pub->reserve_bytes = 4712;
	worker.pub->pinned_partial_bytes = 100;
	worker.pub->pinned_ooo_bytes = 10;
	worker.pub->pinned_ring_bytes = 1;
	worker.pub->truesize = 2368;
	worker.pub->packets_total = 9;
	worker.pub->packets_free = 6;
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	CU_ASSERT(fake_send(&worker, 0, &m));
	fake_stream(&worker, 0)->reserved_bytes = 4713;
	WAIT_FOR(says("{\"command\":\"memory\"}", "memory.streams.0.gop_bytes", "1000"));
	CU_ASSERT(says("{\"command\":\"memory\"}", "memory.workers.0.pinned_log_bytes", "4711"));
	CU_ASSERT(says("{\"command\":\"memory\"}", "memory.workers.0.reserve_bytes", "4712"));
	CU_ASSERT(says("{\"command\":\"memory\"}", "memory.unaccounted_bytes", "2282"));
	CU_ASSERT(says("{\"command\":\"memory\"}", "memory.streams.0.reserved_bytes", "4713"));
	CU_ASSERT(says("{\"command\":\"memory\"}", "memory.streams.0.name", "studio"));
	tear_down();
}

/* The dataplane lives, as far as its socket goes, but none of its workers does anything. */
static _Atomic bool answering;

static void *worker_page(void)
{
	return (uint8_t *)worker.pub + worker.pub->page_offset;
}

/* The worker's side of abi/inspect.h: a page with one connection, from wherever it is asked. */
static void *answer_pages(void *arg)
{
	struct abi_page *page = arg;

	while (atomic_load(&answering)) {
		uint64_t request = atomic_load(&worker.sub->inspect.request);

		if (request == atomic_load(&page->answered)) {
			usleep(100);
			continue;
		}
		page->count = 1;
		page->next = worker.sub->inspect.from == 0 ? 300 : ABI_PAGE_END;
		page->connections[0] = (struct abi_connection){
			.id = worker.sub->inspect.id != 0 ? worker.sub->inspect.id : 17,
			.stream_slot = 0,
			.stream_generation = 1,
			.tcp_state = 1,
			.session_state = 9,
			.remote = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 18, 0, 1},
			.remote_port = 50000,
			.local = {0xfd, [15] = 1},
			.local_port = 1935,
			.ssthresh = UINT32_MAX,
			.flags = ABI_CONNECTION_SACK,
			.congestion = "cubic",
		};
		if (worker.sub->inspect.from & ABI_PAGE_RECORDS) {
			page->connections[0].id = 0;
			page->connections[0].life_in_us = 77;
			page->next = worker.sub->inspect.from + 5;
		}
		atomic_store(&page->answered, request);
	}
	return NULL;
}

static void test_connections(void)
{
	const char *full = "{\"command\":\"connections\",\"from\":300,\"id\":5,\"full\":true}";
	const char *records = "{\"command\":\"connections\",\"from\":9,\"records\":true}";
	pthread_t pages;

	set_up();
	publish(0, 1, "live", "studio?key=s3cret");
	(void)next_command();
	go_live(0, "studio");
	WAIT_FOR(says("{\"command\":\"stream\",\"name\":\"live/studio\"}", "stream.state", "live"));
	/* A worker that does not answer holds nobody up for long. */
	CU_ASSERT(says("{\"command\":\"connections\"}", "error",
		       "the worker does not answer, try again"));
	atomic_store(&answering, true);
	pthread_create(&pages, NULL, answer_pages, worker_page());
	CU_ASSERT(says("{\"command\":\"connections\"}", "connections.next", "300"));
	CU_ASSERT(says("{\"command\":\"connections\"}", "connections.connections.0.id", "17"));
	CU_ASSERT(says("{\"command\":\"connections\"}", "connections.connections.0.remote",
		       "198.18.0.1:50000"));
	CU_ASSERT(
		says("{\"command\":\"connections\"}", "connections.connections.0.name", "studio"));
	CU_ASSERT(says("{\"command\":\"connections\"}", "connections.connections.0.state", "OPEN"));
	/* A number without a name. */
	CU_ASSERT(says("{\"command\":\"connections\"}", "connections.connections.0.session", "?"));
	CU_ASSERT(says(full, "connections.connections.0.id", "5"));
	CU_ASSERT(says(full, "connections.connections.0.local", "[fd00::1]:1935"));
	CU_ASSERT(says(full, "connections.connections.0.congestion", "cubic"));
	CU_ASSERT(says(full, "connections.connections.0.sack", "true"));
	CU_ASSERT(says(full, "connections.connections.0.ecn", "false"));
	CU_ASSERT(says(full, "connections.workers", "1"));
	CU_ASSERT(says(records, "connections.connections.0.remote", "198.18.0.1:50000"));
	CU_ASSERT(says(records, "connections.connections.0.local", "[fd00::1]:1935"));
	CU_ASSERT(says(records, "connections.connections.0.state", "OPEN"));
	CU_ASSERT(says(records, "connections.connections.0.life_in_us", "77"));
	CU_ASSERT(says(records, "connections.next", "14"));
	CU_ASSERT(says("{\"command\":\"connections\",\"from\":2147483648}", "error",
		       "no such connection"));
	CU_ASSERT(says("{\"command\":\"connections\",\"worker\":1}", "error", "no such worker"));
	CU_ASSERT(says("{\"command\":\"connections\",\"worker\":-1}", "error", "no such worker"));
	CU_ASSERT(says("{\"command\":\"connections\",\"from\":-1}", "error", "no such connection"));
	CU_ASSERT(says("{\"command\":\"connections\",\"id\":4294967296}", "error",
		       "no such connection"));
	atomic_store(&answering, false);
	pthread_join(pages, NULL);
	tear_down();
}

static void put_event(uint32_t ring, uint64_t stamp, uint32_t connection, uint32_t event)
{
	struct abi_trace *trace =
		(struct abi_trace *)((uint8_t *)worker.pub + worker.pub->trace_offset);
	uint64_t head = trace->ring[ring].head;
	struct abi_trace_record *record =
		&trace->records[(uint64_t)ring * FAKE_TRACE_RECORDS + head % FAKE_TRACE_RECORDS];

	record->stamp = stamp << 16;
	record->connection = connection;
	record->event = event;
	record->argument[0] = 1;
	record->argument[1] = htonl(0xc6120001);
	atomic_store(&trace->ring[ring].head, head + 1);
}

static void test_trace(void)
{
	set_up();
	put_event(0, 1000, 17, 0);
	put_event(2, 999, 18, 1);
	put_event(1, 1001, 18, 7); /* of which nothing is known */
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.events.0.event", "second"));
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.events.0.time_us", "999"));
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.events.0.from", "198.18.0.1"));
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.events.1.event", "first"));
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.events.1.to", "OPEN"));
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.events.2.event", ""));
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.next.1", "1"));
	CU_ASSERT(says("{\"command\":\"trace\"}", "trace.more", "false"));
	CU_ASSERT(
		says("{\"command\":\"trace\",\"connection\":17}", "trace.events.0.event", "first"));
	CU_ASSERT(
		says("{\"command\":\"trace\",\"next\":[1,1,0]}", "trace.events.0.event", "second"));
	CU_ASSERT(says("{\"command\":\"trace\",\"next\":[1,1,1]}", "trace.events.0.event", ""));
	CU_ASSERT(says("{\"command\":\"trace\",\"next\":[1]}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"trace\",\"next\":7}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"trace\",\"connection\":-1}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"trace\",\"worker\":1}", "error", "no such worker"));
	tear_down();
}

/* What comes to our stderr from here on. */
static FILE *catch_log(int *before)
{
	FILE *log = tmpfile();

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	*before = dup(STDERR_FILENO);
	(void)dup2(fileno(log), STDERR_FILENO);
	journal_init(CONFIG_LOG_WARN);
	return log;
}

static bool has_logged(FILE *log, const char *text)
{
	static char said[65536];
	ssize_t n = pread(fileno(log), said, sizeof(said) - 1, 0);

	said[n > 0 ? n : 0] = '\0';
	return strstr(said, text) != NULL;
}

static void release_log(FILE *log, int before)
{
	journal_init(CONFIG_LOG_ERROR);
	(void)dup2(before, STDERR_FILENO);
	close(before);
	fclose(log);
}

/* The first one that is refused stands in the log, with the setting; not each of them. */
static void test_source_is_limited(void)
{
	int before;
	FILE *log;

	config.dataplane.per_source = (struct config_per_source){.connections = 16, .rate = 200};
	set_up();
	log = catch_log(&before);
	WAIT_FOR(says("{\"command\":\"counters\"}", "counters.control.attaches", "1"));
	put_event(2, 1000, 0, 2);
	put_event(0, 1001, 17, 0);
	atomic_store(&worker.pub->counter[2], 3);
	WAIT_FOR(has_logged(log, "source.limited"));
	CU_ASSERT(has_logged(log, "\"refused\":3,\"address\":\"198.18.0.1\",\"setting\":"
				  "\"dataplane.per_source\",\"connections\":16,\"rate\":200"));
	atomic_store(&worker.pub->counter[2], 4);
	usleep(700000); /* a look later */
	tear_down();
	CU_ASSERT_FALSE(has_logged(log, "\"refused\":1"));
	release_log(log, before);
}

static void test_silent_dataplane(void)
{
	silent_us = 300000;
	set_up();
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	WAIT_FOR(fake_origin_connections(origin) == 1);
	WAIT_FOR(says("{\"command\":\"counters\"}", "counters.control.detaches", "1"));
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.workers_silent", "1"));
	silent_us = UINT64_MAX;
	tear_down();
}

static long long withheld(void)
{
	json_t *reply = ask("{\"command\":\"counters\"}");
	long long count = atoll(at(reply, "counters.control.heartbeats_withheld"));

	json_decref(reply);
	return count;
}

/* In a process of its own, which nobody can join any more. */
static int heart_stops(void)
{
	long long before;
	uint64_t last;

	set_up();
	last = worker.sub->heartbeat_us;
	WAIT_FOR(worker.sub->heartbeat_us != last);
	if (!says("{\"command\":\"inject\",\"hang\":\"relay\",\"worker\":1}", "ok", "false") ||
	    !says("{\"command\":\"inject\",\"hang\":\"relay\",\"worker\":0}", "ok", "true")) {
		return 1;
	}
	WAIT_FOR(withheld() > 0);
	last = worker.sub->heartbeat_us;
	before = withheld();
	WAIT_FOR(withheld() > before + 3);
	return worker.sub->heartbeat_us == last ? 0 : 2;
}

static void test_heart_stops_with_a_relay(void)
{
	pid_t pid = fork();
	int wstatus = 0;

	if (pid == 0) {
		_exit(heart_stops());
	}
	CU_ASSERT_EQUAL(waitpid(pid, &wstatus, 0), pid);
	CU_ASSERT(WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == 0);
}

static void test_layout_is_checked(void)
{
	struct abi_pub *pub;
	uint64_t size;

	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	pub = worker.pub;
	size = worker.pub_size;
	CU_ASSERT(dataplane_pub_valid(pub, size));
	CU_ASSERT_FALSE(dataplane_pub_valid(pub, size - 4096));
	CU_ASSERT_FALSE(dataplane_pub_valid(pub, 64));
#define SPOILT(field, value)                                     \
	do {                                                     \
		struct abi_pub before = *pub;                    \
		pub->field = (value);                            \
		CU_ASSERT_FALSE(dataplane_pub_valid(pub, size)); \
		*pub = before;                                   \
	} while (0)
	SPOILT(magic, 1);
	SPOILT(version, ABI_VERSION + 1);
	SPOILT(size, size + 1);
	SPOILT(streams, UINT32_MAX);
	SPOILT(blocks, UINT32_MAX);
	SPOILT(counters, ABI_COUNTERS_MAX + 1);
	SPOILT(streams_offset, 0);
	SPOILT(streams_offset, size);
	SPOILT(blocks_offset, size - 4096);
	SPOILT(block_next_offset, pub->block_next_offset + 1);
	SPOILT(events_offset, size - 64);
	SPOILT(news_offset, size);
	SPOILT(counter_names_offset, size + 64);
	SPOILT(trace_records, 0);
	SPOILT(trace_records, 3);
	SPOILT(trace_records, UINT32_MAX);
	SPOILT(trace_offset, size - 64);
	SPOILT(trace_events, ABI_TRACE_EVENTS_MAX + 1);
	SPOILT(trace_events_offset, size);
	SPOILT(names, ABI_NAMES_MAX + 1);
	SPOILT(names_offset, size);
	SPOILT(page_offset, size - 64);
	SPOILT(tcp_states.count, 5);
	SPOILT(session_states.first, 5);
	CU_ASSERT(dataplane_sub_valid(worker.sub, worker.sub_size, pub));
	CU_ASSERT_FALSE(dataplane_sub_valid(worker.sub, worker.sub_size - 1, pub));
	worker.sub->streams++;
	CU_ASSERT_FALSE(dataplane_sub_valid(worker.sub, worker.sub_size, pub));
	fake_worker_fini(&worker);
}

/* What is constant says something else after the attach; `before` is what it said. */
static void spoil_layout(struct abi_pub *before)
{
	size_t size = offsetof(struct abi_pub, event_head);

	memcpy((void *)before, worker.pub, size);
	memset((void *)worker.pub, 0xee, size);
}

static void restore_layout(const struct abi_pub *before)
{
	memcpy((void *)worker.pub, before, offsetof(struct abi_pub, event_head));
}

/* Control uses what it checked at the attach, and never what the memory says later. */
static void test_layout_changes_later(void)
{
	static const char *const requests[] = {"workers", "counters", "connections",
					       "trace",   "memory",   "players"};
	struct fake_message m = {9, ABI_LOG_KEYFRAME, 0, 1000, 300};
	struct abi_pub before;
	pthread_t pages;

	set_up();
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.state", "live"));
	fake_pending(&worker, 1, 1, "live", "other?key=wrong");
	fake_event(&worker, ABI_EVENT_PUBLISH, 1);
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_REJECT);
	put_event(0, 1000, 17, 0);
	atomic_store(&answering, true);
	pthread_create(&pages, NULL, answer_pages, worker_page());
	WAIT_FOR(says("{\"command\":\"connections\"}", "ok", "true"));
	spoil_layout(&before);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		char request[64];

		snprintf(request, sizeof(request), "{\"command\":\"%s\"}", requests[i]);
		CU_ASSERT(says(request, "ok", "true"));
	}
	CU_ASSERT(says("{\"command\":\"workers\"}", "workers.0.blocks_total", "4096"));
	CU_ASSERT(says("{\"command\":\"connections\"}", "connections.connections.0.state", "OPEN"));
	CU_ASSERT(says("{\"command\":\"kick\",\"worker\":0,\"id\":100}", "ok", "false"));
	restore_layout(&before);
	atomic_store(&answering, false);
	pthread_join(pages, NULL);
	CU_ASSERT(fake_send(&worker, 0, &m));
	WAIT_FOR(fake_origin_count(origin) == 1);
	tear_down();
}

static char key_play[] = "see-1";

/* Asks in `slot`, and expects this answer. */
static void expect_play(uint32_t slot, uint64_t generation, const char *asked, uint32_t type,
			uint32_t value)
{
	struct abi_command command;

	fake_asks(&worker, slot, generation, "live", asked);
	command = next_command();
	CU_ASSERT_EQUAL(command.type, type);
	CU_ASSERT_EQUAL(command.slot, slot);
	CU_ASSERT_EQUAL(command.generation, generation);
	if (type == ABI_COMMAND_PLAY_REJECT) {
		CU_ASSERT_EQUAL(command.value, value);
		return;
	}
	CU_ASSERT_EQUAL(command.stream.worker, 0);
	CU_ASSERT_EQUAL(command.stream.slot, 0);
	CU_ASSERT_EQUAL(command.stream.generation, 1);
	CU_ASSERT_STRING_EQUAL(command.name, "studio");
	fake_plays(&worker, slot, "studio");
}

static void test_play(void)
{
	struct abi_command command;

	app.play = (struct config_app_play){.allowed = true, .key = key_play, .max_players = 2};
	set_up();
	expect_play(0, 1, "studio?key=see-1", ABI_COMMAND_PLAY_REJECT, RTMP_PLAY_REJECT_NOT_FOUND);
	fake_leaves(&worker, 0);
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.state", "live"));
	expect_play(0, 3, "studio?key=see-2", ABI_COMMAND_PLAY_REJECT, RTMP_PLAY_REJECT_AUTH);
	fake_leaves(&worker, 0);
	expect_play(0, 5, "studio?key=see-1", ABI_COMMAND_PLAY_ACCEPT, 0);
	expect_play(1, 1, "studio?key=see-1", ABI_COMMAND_PLAY_ACCEPT, 0);
	expect_play(2, 1, "studio?key=see-1", ABI_COMMAND_PLAY_REJECT, RTMP_PLAY_REJECT_CAPACITY);
	fake_leaves(&worker, 2);
	/* Who puts the key into the app finds it written nowhere. */
	fake_asks(&worker, 2, 3, "live/see-1", "studio");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_PLAY_REJECT);
	CU_ASSERT(says("{\"command\":\"players\"}", "players.2.app", "live/***"));
	fake_leaves(&worker, 2);
	CU_ASSERT(says("{\"command\":\"players\"}", "players.0.name", "studio"));
	CU_ASSERT(says("{\"command\":\"players\"}", "players.1.id", "101"));
	CU_ASSERT(says("{\"command\":\"players\"}", "players.1.peer", "198.18.0.1:50001"));
	CU_ASSERT(says("{\"command\":\"players\"}", "players.2.id", ""));
	CU_ASSERT(says("{\"command\":\"kick\",\"worker\":0,\"id\":102}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"kick\",\"worker\":7,\"id\":101}", "ok", "false"));
	CU_ASSERT(says("{\"command\":\"kick\",\"worker\":0,\"id\":101}", "ok", "true"));
	command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_PLAY_KICK);
	CU_ASSERT_EQUAL(command.slot, 1);
	CU_ASSERT_EQUAL(command.generation, 1);
	CU_ASSERT_EQUAL(command.value, RTMP_PLAY_REJECT_KICKED);
	/* Its place is free again. */
	fake_leaves(&worker, 1);
	expect_play(1, 3, "studio?key=see-1", ABI_COMMAND_PLAY_ACCEPT, 0);
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.plays_accepted", "3"));
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.plays_rejected", "4"));
	tear_down();
	app.play = (struct config_app_play){.allowed = false};
}

/* Players are asked, and ended when the time is over; no new ones get in. */
static void test_drain_of_players(void)
{
	static const char status[] = "{\"command\":\"status\"}";
	struct abi_command command;

	app.play = (struct config_app_play){.allowed = true, .key = key_play, .max_players = 3};
	set_up();
	publish(0, 1, "live", "s3cret");
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_ACCEPT);
	go_live(0, "studio");
	WAIT_FOR(says("{\"command\":\"streams\"}", "streams.0.state", "live"));
	expect_play(0, 1, "studio?key=see-1", ABI_COMMAND_PLAY_ACCEPT, 0);
	expect_play(1, 1, "studio?key=see-1", ABI_COMMAND_PLAY_ACCEPT, 0);
	CU_ASSERT(says("{\"command\":\"drain\",\"target\":\"rtmp://other\"}", "drain.active",
		       "true"));
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_DRAIN);
	for (uint32_t i = 0; i < 2; i++) {
		command = next_command();
		CU_ASSERT_EQUAL(command.type, ABI_COMMAND_PLAY_RECONNECT);
		CU_ASSERT_EQUAL(command.slot, i);
		CU_ASSERT_EQUAL(command.generation, 1);
		CU_ASSERT_STRING_EQUAL(command.name, "rtmp://other/live");
	}
	expect_play(2, 1, "studio?key=see-1", ABI_COMMAND_PLAY_REJECT, RTMP_PLAY_REJECT_DRAINING);
	fake_leaves(&worker, 2);
	expect_play(2, 3, "studio?key=see-2", ABI_COMMAND_PLAY_REJECT, RTMP_PLAY_REJECT_AUTH);
	fake_leaves(&worker, 2);
	CU_ASSERT(says(status, "status.drain.players_asked", "2"));
	CU_ASSERT(says(status, "status.drain.asked", "0"));
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.reconnects_asked", "2"));
	fake_leaves(&worker, 0);
	WAIT_FOR(says(status, "status.drain.players", "1"));
	CU_ASSERT(says(status, "status.drain.players_asked", "1"));
	CU_ASSERT(says("{\"command\":\"drain\",\"timeout_ms\":1}", "drain.active", "true"));
	CU_ASSERT_EQUAL(next_command().type, ABI_COMMAND_DRAIN);
	do {
		command = next_command(); /* that of the stream comes, too */
	} while (command.type != ABI_COMMAND_PLAY_KICK);
	CU_ASSERT_EQUAL(command.slot, 1);
	CU_ASSERT_EQUAL(command.value, RTMP_PLAY_REJECT_DRAINED);
	CU_ASSERT(says("{\"command\":\"counters\"}", "counters.control.reconnects_asked", "2"));
	usleep(300000); /* ended once, not with every tick */
	CU_ASSERT_EQUAL(atomic_load(&worker.sub->command_head), commands_read);
	tear_down();
	app.play = (struct config_app_play){.allowed = false};
}

/* Players that another control let in are there, and count; who asked meanwhile is answered. */
static void test_players_are_taken_over(void)
{
	app.play = (struct config_app_play){.allowed = true, .key = key_play, .max_players = 1};
	origin = fake_origin_create(receive_buffer);
	start_worker();
	fake_asks(&worker, 0, 1, "live", "studio?key=see-1");
	fake_plays(&worker, 0, "studio");
	fake_asks(&worker, 1, 1, "live", "studio?key=see-1");
	worker.pub->event_head = 0;
	init_control();
	control.silent_us = silent_us;
	start_control();
	serve_attach();
	struct abi_command command = next_command();
	CU_ASSERT_EQUAL(command.type, ABI_COMMAND_PLAY_REJECT);
	CU_ASSERT_EQUAL(command.slot, 1);
	CU_ASSERT(says("{\"command\":\"players\"}", "players.0.state", "playing"));
	tear_down();
	app.play = (struct config_app_play){.allowed = false};
}

int main(void)
{
	char path[128];
	CU_TestInfo tests[] = {
		{"a publish reaches its origin", test_publish_to_origin},
		{"what is not allowed is refused", test_refusals},
		{"a worker that sleeps is woken", test_sleeping_worker_is_woken},
		{"kick", test_kick},
		{"limits of an application", test_limits},
		{"rejects", test_rejects},
		{"drain", test_drain},
		{"drain: secrets", test_drain_secrets},
		{"drain is over", test_drain_is_over},
		{"drain is resumed", test_drain_is_resumed},
		{"undrain is told again", test_undrain_is_told_again},
		{"bad drain requests", test_drain_requests},
		{"bad requests", test_bad_requests},
		{"the dataplane comes back", test_dataplane_comes_back},
		{"takes over ended streams", test_takes_over_ended_streams},
		{"memory", test_memory},
		{"a resolver that hangs", test_stuck_resolver},
		{"the end waits for origins", test_end_waits_for_origins},
		{"connections", test_connections},
		{"trace", test_trace},
		{"a source is limited", test_source_is_limited},
		{"a silent dataplane", test_silent_dataplane},
		{"the heart stops with a relay", test_heart_stops_with_a_relay},
		{"layouts are checked", test_layout_is_checked},
		{"a layout changes after the attach", test_layout_changes_later},
		{"play", test_play},
		{"drain, players", test_drain_of_players},
		{"players are taken over", test_players_are_taken_over},
		CU_TEST_INFO_NULL,
	};
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL); /* every thread's: control reads it from a signalfd */
	if (!mkdtemp(run_dir)) {
		return EXIT_FAILURE;
	}
	journal_init(CONFIG_LOG_ERROR);
	rc = check_run("control", tests);
	snprintf(path, sizeof(path), "%s/dataplane.sock", run_dir);
	unlink(path);
	rmdir(run_dir);
	return rc;
}
