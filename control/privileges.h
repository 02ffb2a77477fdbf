/*
 * Control has no business with root: it talks to origins and reads what publishers send.
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

/*
 * Started as root, becomes `user` with that user's group alone; in any case no program started
 * from here can gain privileges again. 0, or -1 with errno and what failed in `what`.
 */
int privileges_drop(const char *user, const char **what) __attribute__((warn_unused_result));

#endif
