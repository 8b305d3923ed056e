/* SPDX-License-Identifier: Apache-2.0 */
/* interpreters.h - the interpreters an operator has chosen, as src/runtime/ wants to hear of them. */
#ifndef EVOKE_DAEMON_INTERPRETERS_H
#define EVOKE_DAEMON_INTERPRETERS_H

#include "runtime/runtime.h"

struct options;

enum { INTERPRETERS = 3 }; /* and the end */

/* What --python and --node say; the texts stay o's. */
void interpreters_chosen(const struct options *o, struct interpreter ret[INTERPRETERS]);

#endif
