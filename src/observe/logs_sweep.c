/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/logs_internal.h"

void logs_sweep(struct logs *s)
{
    (void)s;
}
