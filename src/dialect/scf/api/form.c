/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form.c - parameters that travel flattened, as the earlier scheme and GET send them:
 *
 *   Environment.Variables.0.Key=A&Environment.Variables.0.Value=1&MemorySize=256&Override=true
 *
 * Everything is text there; what it is to be the model says. An element of a list may come before those
 * in front of it (clients sort by name, and then 10 stands before 2).
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "dialect/scf/api/scf_api.h"

enum { ELEMENTS_MAX = 1000, NUMBER_TEXT = 64, ELEMENTS_OF_ALL = 2 * SCF_FORM_FIELDS };

/* Of the request as such, in whatever action. */
static const char *const common[] = {"Action", "Version",  "Region",          "Timestamp",
                                     "Nonce",  "SecretId", "SignatureMethod", "Signature",
                                     "Token",  "Language", "RequestClient"};

static bool is_common(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (str_eq(name, str_of(common[i])))
            return true;
    return false;
}

struct filling {
    const struct scf_service *service;
    struct str name, value; /* the field at hand, decoded */
    uint32_t elements;      /* of all lists: a gap costs as much as what would fill it */
    const char **code;
    struct err *e;
};

static int refuse(const struct filling *f, const char *code, const char *what)
{
    *f->code = code;
    return err_set(f->e, ERR_CALLER, -EINVAL, "The parameter `%.*s` %s.",
                   (int)(f->name.n < 128 ? f->name.n : 128), f->name.p, what);
}

/* strtod() takes more than a number: "nan", "inf", hexadecimal, blanks before it. */
static struct cJSON *number_of(struct str s)
{
    char text[NUMBER_TEXT], *end;
    double v;

    if (s.n == 0 || s.n >= sizeof(text))
        return NULL;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (strspn(text, "0123456789+-.eE") != s.n)
        return NULL;
    v = strtod(text, &end);
    return *end || !isfinite(v) ? NULL : cJSON_CreateNumber(v);
}

/* NULL: it is none of this kind. */
static struct cJSON *leaf_of(char kind, struct str s)
{
    switch (kind) {
    case 's':
        return memchr(s.p ? s.p : "", '\0', s.n) ? NULL : cJSON_CreateString(s.p ? s.p : "");
    case 'i':
    case 'f':
        return number_of(s);
    case 'b':
        if (str_ieq(s, S("true")) || str_eq(s, S("1")))
            return cJSON_CreateTrue();
        return str_ieq(s, S("false")) || str_eq(s, S("0")) ? cJSON_CreateFalse() : NULL;
    default:
        return NULL;
    }
}

/* The member or element, made if it is not there: an object, or for a leaf null. */
static struct cJSON *member(struct cJSON *in, struct str name)
{
    cleanup_free char *key = str_dup(name);
    struct cJSON *v = cJSON_GetObjectItemCaseSensitive(in, key);

    if (!v) {
        v = cJSON_CreateNull();
        (void)cJSON_AddItemToObject(in, key, v);
    }
    return v;
}

/* Element i, with nulls for those before it that are not there; NULL: these are too many. */
static struct cJSON *element(struct filling *f, struct cJSON *in, uint64_t i)
{
    uint64_t n = (uint64_t)cJSON_GetArraySize(in);

    for (; n <= i; n++) {
        if (++f->elements > ELEMENTS_OF_ALL)
            return NULL;
        (void)cJSON_AddItemToArray(in, cJSON_CreateNull());
    }
    return cJSON_GetArrayItem(in, (int)i);
}

/* What is null becomes an empty thing of this type; false: it is another already. */
static bool become(struct cJSON *v, int type)
{
    if (cJSON_IsNull(v))
        v->type = type;
    return (v->type & 0xff) == type;
}

static int put_leaf(const struct filling *f, char kind, struct cJSON *at)
{
    struct cJSON *leaf = leaf_of(kind, f->value);

    if (!leaf)
        return refuse(f, "InvalidParameter", "has a value of a wrong type");
    if (!cJSON_IsNull(at)) {
        cJSON_Delete(leaf);
        return refuse(f, "InvalidParameter", "is there twice");
    }
    at->type = leaf->type;
    at->valuestring = TAKE_PTR(leaf->valuestring);
    at->valuedouble = leaf->valuedouble;
    at->valueint = leaf->valueint;
    cJSON_Delete(leaf);
    return 0;
}

/* One field to its place: rest of its name by the rest of the model. */
static int put(struct filling *f, const char *model, struct cJSON *tree)
{
    struct str rest = f->name;

    for (;;) {
        struct str name = str_cut(&rest, '.');
        struct scf_member m;
        struct cJSON *at;
        uint64_t i = 0;

        if (!name.n || !scf_model_find(f->service, model, name, &m))
            return refuse(f, "UnknownParameter", "is not recognized");
        at = member(tree, name);
        if (m.list) {
            if (str_u64(str_cut(&rest, '.'), 0, ELEMENTS_MAX - 1, &i) < 0)
                return refuse(f, "InvalidParameter", "is a list and has no such element");
            if (!become(at, cJSON_Array))
                return refuse(f, "InvalidParameter", "is there twice");
            at = element(f, at, i);
            if (!at)
                return refuse(f, "InvalidParameter", "is a list with too many gaps");
        }
        if (m.kind != 'o')
            return rest.p ? refuse(f, "UnknownParameter", "is not recognized")
                          : put_leaf(f, m.kind, at);
        if (!rest.p || !become(at, cJSON_Object))
            return refuse(f, "InvalidParameter", "is an object");
        tree = at;
        model = m.model;
    }
}

int scf_form_tree(const struct scf_service *s, const char *model, struct str form,
                  struct cJSON **ret, const char **code, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = cJSON_CreateObject();
    struct str rest = form, raw_name, raw_value;
    struct filling f = {.service = s, .code = code, .e = e};
    int r = 0, n = 0;

    while (r == 0 && uri_query_next(&rest, &raw_name, &raw_value)) {
        cleanup_with(buf_done) struct buf name;
        cleanup_with(buf_done) struct buf value;

        buf_init(&name, raw_name.n + 1);
        buf_init(&value, raw_value.n + 1);
        if (uri_decode(raw_name, true, &name) < 0 || uri_decode(raw_value, true, &value) < 0 ||
            !str_utf8(buf_str(&value)) || ++n > SCF_FORM_FIELDS) {
            *code = "InvalidParameter";
            return err_set(e, ERR_CALLER, -EINVAL, "The form is malformed or has too many fields.");
        }
        f.name = buf_str(&name);
        f.value = buf_str(&value);
        if (!is_common(f.name))
            r = put(&f, model ? model : "", tree);
    }
    if (r == 0)
        *ret = TAKE_PTR(tree);
    return r;
}
