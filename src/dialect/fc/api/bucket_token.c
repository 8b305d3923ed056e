/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket_token.c - keys to upload one package with, before a function or layer names it by its bucket.
 *
 * The keys are derived like those of a role and kept nowhere; what they say is the one object they may
 * put, for TOKEN_S. The bucket is the account's own, made when it is first wanted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/version.h"
#include "object/objects.h"
#include "sign/role.h"

enum { TOKEN_MAGIC = 0x4643544b, TOKEN_S = 30 * 60 };

struct asking {
    uint32_t magic;
    struct call *call;
    char bucket[OBJECT_BUCKET_MAX + 1];
    char account[KEY_ACCOUNT], key[512]; /* key: of the object, and its last part is its name */
};

static void reply(struct asking *a)
{
    struct role_root root = keys_role_root(a->call->api->keys);
    int64_t until_ms = clock_wall_ms() + TOKEN_S * 1000ll;
    char subject[ROLE_FUNCTION], time[CLOCK_TEXT];
    int n = snprintf(subject, sizeof(subject), "object-put %s/%s", a->bucket, a->key);
    struct role_keys keys;
    struct buf body;
    struct jw w;

    if (n < 0 ||
        role_issue_until(&root, "STS.", (struct str){subject, (size_t)n}, until_ms, &keys) < 0) {
        call_fail(a->call, 400, "InvalidArgument", "the name of the service is too long");
        return;
    }
    buf_init(&body, 8192);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "credentials");
    jw_obj(&w);
    jw_kstrz(&w, "AccessKeyId", keys.access_key);
    jw_kstrz(&w, "AccessKeySecret", keys.secret_key);
    jw_kstrz(&w, "SecurityToken", keys.token);
    jw_kstrz(&w, "Expiration", clock_iso(until_ms, time));
    jw_obj_end(&w);
    jw_kstrz(&w, "ossRegion", a->call->api->region);
    jw_kstrz(&w, "ossBucket", a->bucket);
    jw_kstrz(&w, "objectName", strrchr(a->key, '/') + 1);
    jw_kint(&w, "codeSizeLimit", FC_ZIP_MAX);
    jw_obj_end(&w);
    explicit_bzero(&keys, sizeof(keys));
    explicit_bzero(&root, sizeof(root));
    call_reply_buf(a->call, 200, S("application/json"), &body);
}

static void on_bucket(void *user, int r)
{
    struct asking *a = OBJ(user, struct asking, TOKEN_MAGIC);

    if (r < 0 && r != -EEXIST)
        call_fail(a->call, 500, "InternalServerError", "make the bucket for uploads: %s",
                  strerror(-r));
    else
        reply(a);
    a->magic = 0;
    free(a);
}

/* Of the account: digits, or whatever it calls itself. */
static void bucket_of(struct str account, char out[OBJECT_BUCKET_MAX + 1])
{
    char sha[SHA256_HEX];

    sha256_hex(account, sha);
    (void)snprintf(out, OBJECT_BUCKET_MAX + 1, "fc-code-%.16s", sha);
}

static void ask(struct call *c, struct str service)
{
    struct str account = fc_auth_account(c);
    struct asking *a;
    char id[UUID_TEXT];

    if (!c->api->objects) {
        call_fail(c, 400, "InvalidArgument", "there is no object storage here, send zipFile");
        return;
    }
    a = xnew(struct asking);
    a->magic = TOKEN_MAGIC;
    a->call = c;
    (void)snprintf(a->account, sizeof(a->account), "%.*s", STR_ARG(account));
    bucket_of(account, a->bucket);
    uuid4(id);
    (void)snprintf(a->key, sizeof(a->key), "%.*s/%.*s%s%s.zip", STR_ARG(account), STR_ARG(service),
                   service.n ? "/" : "", id);
    if (objects_bucket(c->api->objects, str_of(a->bucket)))
        on_bucket(a, 0);
    else
        objects_make_bucket(c->api->objects, str_of(a->bucket), str_of(a->account),
                            str_of(c->api->region), on_bucket, a);
}

void fc_temp_bucket_token(struct call *c)
{
    ask(c, STR_NONE);
}

void fc_temp_code_bucket_token(struct call *c)
{
    struct fn_key key;

    if (fc_latest_service(c, c->captures[0], &key))
        ask(c, c->captures[0]);
}
