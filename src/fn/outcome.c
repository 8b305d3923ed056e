/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c - one row per way an invocation can end. */
#include "fn/outcome.h"

#include <errno.h>

const char *const outcome_names[OUTCOMES] = {
        [OUTCOME_OK] = "ok",
        [OUTCOME_ERROR] = "error",
        [OUTCOME_TIMEOUT] = "timeout",
        [OUTCOME_EXITED] = "exited",
        [OUTCOME_MEMORY] = "memory",
        [OUTCOME_TOO_LARGE] = "too_large",
        [OUTCOME_PROTOCOL] = "protocol",
        [OUTCOME_INIT_ERROR] = "init_error",
        [OUTCOME_INIT_TIMEOUT] = "init_timeout",
        [OUTCOME_INIT_EXITED] = "init_exited",
        [OUTCOME_CANCELLED] = "cancelled",
};

const char *const outcome_class_names[OUTCOME_CLASSES] = {
        [OUTCOME_CLASS_OK] = "ok",
        [OUTCOME_CLASS_ERROR] = "error",
        [OUTCOME_CLASS_TIMEOUT] = "timeout",
};

enum outcome_class outcome_class(enum outcome o)
{
    if (o == OUTCOME_OK)
        return OUTCOME_CLASS_OK;
    return o == OUTCOME_TIMEOUT || o == OUTCOME_INIT_TIMEOUT ? OUTCOME_CLASS_TIMEOUT
                                                             : OUTCOME_CLASS_ERROR;
}

int outcome_class_of(struct str name, enum outcome_class *ret)
{
    for (int i = 0; i < OUTCOME_CLASSES; i++)
        if (str_eq(name, str_of(outcome_class_names[i]))) {
            *ret = (enum outcome_class)i;
            return 0;
        }
    return -EINVAL;
}
