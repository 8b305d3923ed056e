/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - functions and runs as the admin API shows them. */
#ifndef EVOKE_ADMIN_OBJECT_H
#define EVOKE_ADMIN_OBJECT_H

#include "base/buf.h"
#include "dialect/shape.h"

struct api;
struct fn;
struct jw;

enum { ADMIN_OBJECT_MAX = 256 << 10, ADMIN_STATE_TEXT = 256 };

void admin_object_function(struct jw *w, const struct api *api, const struct fn *f);
/* "ready", or a sentence that says what is missing. */
const char *admin_object_state(const struct api *api, const struct fn *f,
                               char out[ADMIN_STATE_TEXT]);
#endif
