/* SPDX-License-Identifier: Apache-2.0 */
/* stateful.h - stateful asynchronous invocations, in the words of 2016-08-15. */
#ifndef EVOKE_DIALECT_FC_API_STATEFUL_H
#define EVOKE_DIALECT_FC_API_STATEFUL_H

#include "dialect/fc/api/task.h"

extern const struct fc_task_words fc_stateful_words;

#endif
