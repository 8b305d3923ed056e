/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_chunked.c - a body of S3 in pieces. Each piece lies behind the one before it and inside the body, none is
 * empty, and reading ends; of a body that is signed nothing is taken, since nobody here knows the key. */
#include "fuzz.h"
#include "storage/chunked.h"

static void read_all(struct str body, const struct auth_storage *auth)
{
    const char *at = body.p;
    struct chunks pieces;
    struct str piece;
    int r;

    chunks_init(&pieces, body, auth);
    while ((r = chunks_next(&pieces, &piece)) == 1) {
        holds(!auth && piece.n > 0);
        holds(piece.p > at && piece.p + piece.n <= body.p + body.n);
        at = piece.p + piece.n;
    }
    holds(auth ? r < 0 : r <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str body = {(const char *)data, n};
    struct auth_storage auth = {.date = "20261122T000000Z", .scope = "20261122/r/s3/aws4_request"};

    read_all(body, NULL);
    read_all(body, &auth);
    return 0;
}
