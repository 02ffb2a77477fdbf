#include "screen.h"

#include "escape.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asked_to_end;
static struct termios saved;
static bool input_is_raw;
static bool output_is_terminal;

static void on_signal(int number)
{
	(void)number;
	asked_to_end = 1;
}

static void catch_signals(void)
{
	/* Without SA_RESTART: poll() returns at once. */
	const struct sigaction action = {.sa_handler = on_signal};

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

void screen_open(void)
{
	catch_signals();
	output_is_terminal = isatty(STDOUT_FILENO) != 0;
	if (isatty(STDIN_FILENO) != 0 && output_is_terminal &&
	    tcgetattr(STDIN_FILENO, &saved) == 0) {
		struct termios raw = saved;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		input_is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	}
	if (output_is_terminal) {
		fputs("\x1b[?1049h\x1b[?25l", stdout); /* second screen, no cursor */
	}
}

void screen_close(void)
{
	if (output_is_terminal) {
		fputs("\x1b[?25h\x1b[?1049l", stdout);
		(void)fflush(stdout);
	}
	if (input_is_raw) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	}
}

static bool get_size(struct winsize *size)
{
	return output_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, size) == 0 &&
	       size->ws_row > 0 && size->ws_col > 0;
}

unsigned int screen_rows(void)
{
	struct winsize size;

	return get_size(&size) ? size.ws_row : 0;
}

/* Bytes of the line that fit into so many columns; the text is safe (escape.h). */
static size_t cut(const char *line, size_t len, size_t columns)
{
	char part[8];

	for (size_t at = 0, used = 0; at < len;) {
		size_t n = 1;
		while (at + n < len && ((unsigned char)line[at + n] & 0xc0) == 0x80 &&
		       n < sizeof(part) - 1) {
			n++;
		}
		memcpy(part, line + at, n);
		part[n] = '\0';
		used += escape_columns(part);
		if (used > columns) {
			return at;
		}
		at += n;
	}
	return len;
}

void screen_draw(const char *text)
{
	struct winsize size;

	if (!get_size(&size)) {
		fputs(text, stdout);
		(void)fflush(stdout);
		return;
	}
	fputs("\x1b[H", stdout);
	for (unsigned int row = 1; *text != '\0' && row < size.ws_row; row++) {
		size_t len = strcspn(text, "\n");
		fwrite(text, 1, cut(text, len, size.ws_col), stdout);
		fputs("\x1b[K\r\n", stdout);
		text += len + (text[len] == '\n');
	}
	fputs("\x1b[J", stdout);
	(void)fflush(stdout);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool screen_wait(int ms)
{
	int64_t end = now_ms() + ms;
	struct pollfd input = {.fd = input_is_raw ? STDIN_FILENO : -1, .events = POLLIN};

	for (int64_t left = ms; left > 0 && asked_to_end == 0; left = end - now_ms()) {
		char key;
		if (poll(&input, 1, (int)left) <= 0) {
			continue;
		}
		if (read(STDIN_FILENO, &key, 1) != 1) {
			input.fd = -1; /* the terminal is gone: the signal will come */
		} else if (key == 'q' || key == 'Q') {
			return true;
		}
	}
	return asked_to_end != 0;
}
