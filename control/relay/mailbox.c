#include "mailbox.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *box)
{
	box->first = NULL;
	box->last = &box->first;
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (box->fd < 0) {
		return -1;
	}
	if (pthread_mutex_init(&box->lock, NULL)) {
		close(box->fd);
		return -1;
	}
	return 0;
}

void mailbox_fini(struct mailbox *box)
{
	struct mail *mail = mailbox_take(box);

	while (mail) {
		struct mail *next = mail->next;

		mail_destroy(mail);
		mail = next;
	}
	pthread_mutex_destroy(&box->lock);
	close(box->fd);
}

struct mail *mail_create(enum mail_type type)
{
	struct mail *mail = calloc(1, sizeof(*mail));

	if (mail) {
		mail->type = type;
		mail->fd = -1;
	}
	return mail;
}

void mail_destroy(struct mail *mail)
{
	if (mail->addresses) {
		freeaddrinfo(mail->addresses);
	}
	if (mail->fd >= 0) {
		close(mail->fd);
	}
	free(mail);
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
	bool first;

	pthread_mutex_lock(&box->lock);
	first = !box->first;
	mail->next = NULL;
	*box->last = mail;
	box->last = &mail->next;
	pthread_mutex_unlock(&box->lock);
	/* Else the reader, who reads the descriptor before it takes, has been told of those before.
	 * Fails only when the counter is full: then the reader is awake anyway. */
	if (first) {
		(void)eventfd_write(box->fd, 1);
	}
}

struct mail *mailbox_take(struct mailbox *box)
{
	eventfd_t ignored;
	struct mail *mail;

	(void)eventfd_read(box->fd, &ignored);
	pthread_mutex_lock(&box->lock);
	mail = box->first;
	box->first = NULL;
	box->last = &box->first;
	pthread_mutex_unlock(&box->lock);
	return mail;
}
