/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepare.c - what a client sent as code, made into a package: a zip, its digest, its size.
 *
 * func_code.file is base64 of source text or of a zip, and code_type does not tell which: "inline"
 * may be either, so the first four bytes decide. Digest and size are of what was sent, not of the
 * zip we wrap around a source; so size == bytes of the stored zip tells the two apart later.
 *
 * Runs on a worker thread: it takes what it needs as arguments and touches nothing else.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/obj.h"
#include "catalog/package.h"
#include "dialect/functiongraph/api/fg.h"
#include "runtime/runtime.h"

static const char *source_extension(const struct fn *f)
{
    const struct runtime *rt = runtime_find(DIALECT_FUNCTIONGRAPH, str_of(f->runtime));

    return rt && rt->source ? rt->source : NULL;
}

/* "dir/file.func" -> "dir/file" and "func". */
static struct str split_handler(const struct fn *f, struct str *ret_function)
{
    struct str h = str_of(f->handler);
    const char *dot = h.n > 0 ? memrchr(h.p, '.', h.n) : NULL;

    if (!dot) {
        *ret_function = S("handler");
        return S("index");
    }
    *ret_function = str_from(h, (size_t)(dot - h.p) + 1);
    return (struct str){h.p, (size_t)(dot - h.p)};
}

void fg_source_name(const struct fg_code *code, const struct fn *f, struct buf *out)
{
    const char *extension = source_extension(f);
    struct str function, file;

    if (code->filename.n > 0 && !str_ends(code->filename, S(".zip"))) {
        buf_adds(out, code->filename);
        return;
    }
    file = split_handler(f, &function);
    buf_adds(out, extension ? file : S("bootstrap"));
    buf_addz(out, extension ? extension : "");
}

/* What a function without code starts with: says hello and shows its event. */
static int add_skeleton(const struct fn *f, struct buf *out, struct fg_error *x)
{
    const char *extension = source_extension(f);
    struct str function;

    (void)split_handler(f, &function);
    if (extension && strcmp(extension, ".py") == 0) {
        buf_addf(out,
                 "# -*- coding:utf-8 -*-\n"
                 "import json\n\n\n"
                 "def %.*s(event, context):\n"
                 "    return {\n"
                 "        \"statusCode\": 200,\n"
                 "        \"isBase64Encoded\": False,\n"
                 "        \"body\": \"hello, \" + json.dumps(event),\n"
                 "        \"headers\": {\"Content-Type\": \"application/json\"},\n"
                 "    }\n",
                 STR_ARG(function));
        return 0;
    }
    if (extension && strcmp(extension, ".js") == 0) {
        buf_addf(out,
                 "exports.%.*s = async (event, context) => ({\n"
                 "    statusCode: 200,\n"
                 "    isBase64Encoded: false,\n"
                 "    body: 'hello, ' + JSON.stringify(event),\n"
                 "    headers: { 'Content-Type': 'application/json' },\n"
                 "});\n",
                 STR_ARG(function));
        return 0;
    }
    return fg_refuse(x, 400, "FSS.1012",
                     "func_code.file is empty, and there is no example code for runtime %s",
                     f->runtime);
}

static int check_size(const struct fg_code *code, bool zip, size_t n, struct fg_error *x)
{
    if (zip && n > FG_ZIP_MAX)
        return fg_refuse(x, 413, "FSS.1071", "The code package has %zu bytes, %d are allowed", n,
                         FG_ZIP_MAX);
    if (!zip && !code->inlined)
        return fg_refuse(x, 400, "FSS.1011", "The code of code_type zip is not a zip file");
    if (!zip && n > FG_INLINE_MAX)
        return fg_refuse(x, 413, "FSS.1072", "The inline code has %zu bytes, %d are allowed", n,
                         FG_INLINE_MAX);
    return 0;
}

/* Bytes as sent into `sent`. */
static int decode(const struct fg_code *code, const struct fn *f, struct buf *sent,
                  struct fg_error *x)
{
    int r;

    if (code->file.n == 0 && !code->inlined)
        return fg_refuse(x, 400, "FSS.1012", "func_code.file is empty");
    if (code->file.n == 0)
        return add_skeleton(f, sent, x);

    r = base64_decode(code->file, sent);
    if (r == -EMSGSIZE)
        return fg_refuse(x, 413, "FSS.1071", "The code package is over %d bytes", FG_ZIP_MAX);
    if (r < 0)
        return fg_refuse(x, 400, "FSS.1011", "func_code.file is not base64");
    return 0;
}

int fg_prepare(const struct fg_code *code, const struct fn *f, struct fg_package *ret,
               struct fg_error *x)
{
    cleanup_with(buf_done) struct buf sent;
    cleanup_with(buf_done) struct buf zip;
    cleanup_with(buf_done) struct buf name;
    bool is_zip;
    int r;

    buf_init(&sent, FG_ZIP_MAX + 1); /* one more than allowed, so that check_size() can say so */
    buf_init(&zip, FG_ZIP_MAX + 1);
    buf_init(&name, 2048);
    r = decode(code, f, &sent, x);
    if (r < 0)
        return r;
    is_zip = str_starts(buf_str(&sent), S("PK\x03\x04"));
    r = check_size(code, is_zip, sent.n, x);
    if (r < 0)
        return r;

    ret->size = sent.n;
    sha512_hex(buf_str(&sent), ret->digest);
    if (is_zip) {
        buf_move(&ret->zip, &sent);
        return 0;
    }
    fg_source_name(code, f, &name);
    r = package_from_source(buf_str(&name), buf_str(&sent), &zip, &x->e);
    if (r < 0) {
        x->status = 400;
        x->code = "FSS.1011";
        return r;
    }
    buf_move(&ret->zip, &zip);
    return 0;
}
