/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_resource.c - stored records of the gateway's objects.
 *
 * Properties: what is decoded encodes to the same bytes; a record made from any UTF-8 text within
 * the limits encodes to something that is decoded to the same bytes again.
 */
#include <errno.h>
#include <stdlib.h>

#include "fn/resource.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 1024 * 1024 };

static int check_decoded(struct str text)
{
    struct resource *res;
    struct buf again;
    int r = resource_decode(text, 7, &res, NULL);

    holds(r == 0 || r == -EINVAL);
    if (r < 0)
        return r;
    buf_init(&again, MAX_TEXT);
    resource_encode(res, &again);
    holds(str_eq(buf_str(&again), text));
    holds(res->revision == 7);
    holds(strlen(res->kind) <= RESOURCE_KIND && strlen(res->id) <= RESOURCE_ID);
    holds(strlen(res->body) <= RESOURCE_BODY);
    buf_done(&again);
    resource_unref(res);
    return 0;
}

static void check_made(struct str text)
{
    struct str kind = str_cut(&text, '|'), id = str_cut(&text, '|');
    struct resource *res = resource_new(kind, id);
    struct buf first;

    free(res->name);
    res->name = str_dup(text);
    buf_init(&first, MAX_TEXT);
    resource_encode(res, &first);
    holds(buf_ok(&first));
    holds((check_decoded(buf_str(&first)) == 0) ==
          (kind.n >= 1 && kind.n <= RESOURCE_KIND && id.n >= 1 && id.n <= RESOURCE_ID &&
           text.n <= RESOURCE_NAME));
    buf_done(&first);
    resource_unref(res);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};

    if (n > MAX_INPUT)
        return 0;
    (void)check_decoded(text);
    if (str_utf8(text) && !str_has(text, '\0'))
        check_made(text);
    return 0;
}
