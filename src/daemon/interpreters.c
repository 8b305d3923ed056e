/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/interpreters.h"

#include "conf/options.h"

void interpreters_chosen(const struct options *o, struct interpreter ret[INTERPRETERS])
{
    ret[0] = (struct interpreter){.worker = "python", .program = o->python};
    ret[1] = (struct interpreter){.worker = "node", .program = o->node};
    ret[2] = (struct interpreter){0};
}
