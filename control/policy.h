/*
 * Streams against what their application allows (admission.h): looked at with every sample, ended
 * with the reason. Main thread.
 */
#ifndef POLICY_H
#define POLICY_H

struct control;

void policy_tick(struct control *control);

#endif
