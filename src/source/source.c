/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - the table of sources. A further one is one row here. */
#include "source/source.h"

#include <errno.h>

#include "base/err.h"
#include "base/obj.h"
#include "gateway/model/binding.h"
#include "source/timer.h"

static const struct source sources[] = {
        {"timer", timer_check},
        {"apig", binding_check_apig},
        {"apigw", binding_check_apigw},
        {"http", binding_check_http},
};

const struct source *source_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (str_eq(name, str_of(sources[i].name)))
            return &sources[i];
    return NULL;
}

int source_check(struct str name, struct str config, struct err *e)
{
    const struct source *source = source_of(name);

    if (!source)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s' is no source of events; timer, apig, apigw and http are",
                       (int)(name.n < 40 ? name.n : 40), name.p ? name.p : "");
    return source->check(config, e);
}
