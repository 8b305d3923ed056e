/* SPDX-License-Identifier: Apache-2.0 */
/* obj.h - magic numbers: every `void *` that comes back from a callback is checked at once. */
#ifndef EVOKE_BASE_OBJ_H
#define EVOKE_BASE_OBJ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* A struct that crosses a `void *` has `uint32_t magic` and a constant of its own. */
#define OBJ(ptr, type, magic_value)                                                                \
    ({                                                                                             \
        type *obj_ = (ptr);                                                                        \
        assert(obj_ && obj_->magic == (magic_value));                                              \
        obj_;                                                                                      \
    })

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
