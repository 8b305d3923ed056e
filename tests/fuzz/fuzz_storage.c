/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_storage.c - signatures of object storage. "query \n authorization \n date": whatever a stranger sends
 * is refused, or parsed into a window of time; its signature is never that of a secret nobody has, and the
 * same request gives the same signature twice.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "fuzz.h"
#include "sign/storage.h"

static void expect(const struct sign_request *r, const struct sign_storage *how)
{
    const struct storage_target t = {S("bucket"), S("a key")};

    for (int i = 0; i < STORAGE_SPELLINGS; i++) {
        char one[STORAGE_SIGNATURE], two[STORAGE_SIGNATURE];

        if (sign_storage_expect(r, how, &t, i, S("a secret nobody has"), one, NULL) < 0)
            continue;
        holds(sign_storage_expect(r, how, &t, i, S("a secret nobody has"), two, NULL) == 0);
        holds(strcmp(one, two) == 0 && !str_eq(str_of(one), how->signature));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n}, query = str_cut(&rest, '\n');
    struct str authorization = str_cut(&rest, '\n'), date = rest.p ? rest : S("");
    const struct sign_header h[] = {{S("host"), S("b.objects.localhost:8900")},
                                    {S("date"), date},
                                    {S("x-amz-date"), date},
                                    {S("x-oss-date"), date},
                                    {S("authorization"), authorization}};
    struct sign_request r = {.method = S("GET"),
                             .path = S("/a%20key"),
                             .query = query,
                             .headers = h,
                             .nheaders = authorization.n ? 5 : 4};
    struct sign_storage how;
    struct err e = {0};
    struct buf room;

    if (n > 8192)
        return 0;
    buf_init(&room, 65536);
    if (sign_storage_parse(&r, &room, &how, &e) == 0) {
        holds(sign_storage_is(&r) && how.access_key.n > 0 && how.until_ms >= how.from_ms);
        expect(&r, &how);
    } else {
        holds(e.msg[0] != '\0');
    }
    buf_done(&room);
    return 0;
}
