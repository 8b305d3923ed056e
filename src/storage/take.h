/* SPDX-License-Identifier: Apache-2.0 */
/* take.h - the body of a request becomes bytes in the store. */
#ifndef EVOKE_STORAGE_TAKE_H
#define EVOKE_STORAGE_TAKE_H

#include "object/objects.h"

struct call;

/* part and etag (32 hex digits) are what was kept. Not called when the body was refused: then the call
 * has its answer. The call's request may have gone (c->req NULL). */
typedef void take_fn(struct call *c, void *user, const struct object_part *part, const char *etag);
/* drop is called instead of fn when it comes to nothing. */
void storage_take(struct call *c, take_fn *fn, void (*drop)(void *user), void *user);

#endif
