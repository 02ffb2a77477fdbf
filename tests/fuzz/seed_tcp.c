/* Seeds of fuzz_tcp.c, whose steps they spell, and of fuzz_tcp_options.c. */
#include "seed.h"

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { STEP_TIME = 1, STEP_ACT = 4, STEP_ICMP = 6, STEP_BURST = 8, STEP_SEGMENT = 10 };
enum { ACT_CLOSE = 0, ACT_ABORT = 8, ACT_HOLD = 10, ACT_RELEASE = 64, ACT_WRITE = 255 };

/* MSS, window scale, SACK permitted and timestamps; timestamps alone. */
static const uint8_t syn_options[] = {2, 4, 5, 180, 1, 3, 3, 7, 1, 1, 4, 2,
				      1, 1, 8, 10,  0, 0, 9, 9, 0, 0, 0, 0};
static const uint8_t timestamps[] = {1, 1, 8, 10, 0, 0, 9, 10, 0, 0, 0, 0};

static uint8_t steps[1024];
static size_t len;

static void put(uint8_t byte)
{
	steps[len++] = byte;
}

static void put_word(uint32_t word)
{
	put((uint8_t)(word >> 8));
	put((uint8_t)word);
}

/* Roomy tables. */
static void begin(void)
{
	len = 0;
	put(0x03);
	put(0xff);
}

static void put_segment(uint8_t peer, uint8_t flags, int16_t seq, uint32_t payload,
			const uint8_t *options, uint8_t options_len)
{
	put(peer);
	put(flags);
	put_word((uint16_t)seq);
	put(0);
	put_word(500);
	put(options_len / 4);
	put_word(payload);
	memcpy(steps + len, options, options_len);
	len += options_len;
}

static void segment(uint8_t peer, uint8_t flags, int16_t seq, uint32_t payload)
{
	put(STEP_SEGMENT);
	put_segment(peer, flags, seq, payload, timestamps, sizeof(timestamps));
}

static void handshake(uint8_t peer)
{
	put(STEP_SEGMENT);
	put_segment(peer, SYN, 100, 0, syn_options, sizeof(syn_options));
	segment(peer, ACK, 0, 0);
}

static void burst(uint8_t peer, uint8_t count)
{
	put(STEP_BURST);
	put((uint8_t)(count - 2));
	put_segment(peer, ACK, 0, 1000, timestamps, sizeof(timestamps));
	for (uint8_t i = 0; i < count; i++) {
		put(0);
	}
}

static void act(uint8_t peer, uint8_t what)
{
	put(STEP_ACT);
	put(peer);
	put(what);
}

static void pass(uint32_t ms)
{
	put(STEP_TIME);
	put_word(ms);
}

static void write_receive(void)
{
	begin();
	handshake(0);
	segment(0, ACK | PSH, 0, 1000);
	segment(0, ACK, 2000, 1000);
	segment(0, ACK, 500, 1000);
	act(0, ACT_HOLD);
	segment(0, ACK, 0, 1000);
	act(0, ACT_RELEASE);
	burst(0, 8);
	pass(50);
	segment(0, ACK | FIN, 0, 100);
	act(0, ACT_CLOSE);
	segment(0, ACK, 0, 0);
	write_seed("tcp", "receive", 3, steps + 1, len - 1);
}

static void write_send(void)
{
	begin();
	handshake(1);
	for (int i = 0; i < 4; i++) {
		act(1, ACT_WRITE);
	}
	pass(300);
	put(STEP_ICMP);
	put(1);
	put(0x3c);
	put_word(1000);
	put(0);
	pass(2000);
	segment(1, ACK, 0, 0);
	act(1, ACT_CLOSE);
	segment(1, ACK | FIN, 0, 0);
	pass(60000);
	write_seed("tcp", "send", 3, steps + 1, len - 1);
}

static void write_connect(void)
{
	begin();
	act(4, 0);
	put(STEP_SEGMENT);
	put_segment(4, SYN | ACK, 0, 0, syn_options, sizeof(syn_options));
	segment(4, ACK, 0, 500);
	act(5, 0);
	put(STEP_SEGMENT);
	put_segment(5, SYN, 0, 0, syn_options, sizeof(syn_options));
	segment(5, ACK, 0, 0);
	segment(5, RST, 0, 0);
	act(4, ACT_ABORT);
	write_seed("tcp", "connect", 3, steps + 1, len - 1);
}

void write_tcp(void)
{
	static const uint8_t sack[] = {5, 18, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 5, 0};

	write_receive();
	write_send();
	write_connect();
	write_seed("tcp_options", "syn", 1, syn_options, sizeof(syn_options));
	write_seed("tcp_options", "sack", 1, sack, sizeof(sack));
}
