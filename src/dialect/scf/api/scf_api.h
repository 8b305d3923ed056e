/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scf_api.h - Tencent Cloud's APIs as far as SCF's clients ask for them: one address, "POST /", and the
 * request says which service and action it is for. docs/compat/scf-api.md
 *
 * To add an action: a row in its service's table (ops.c for scf) with its parameters, and a handler:
 *
 *     void scf_get_thing(struct call *c)
 *     {
 *         cleanup_with(json_freep) struct cJSON *p = scf_params(c);
 *         struct scf_answer a;
 *
 *         if (!p)
 *             return; // it has replied
 *         scf_begin(&a, SCF_ANSWER_MAX);
 *         jw_kstr(&a.w, "Name", scf_text(p, "Name"));
 *         scf_send(c, &a);
 *     }
 *
 * Its parameters (api_op.model) are words "Name!:type": '!' if it is required, type none for text, "i",
 * "f", "b" for whole number, number and boolean, "Thing" for an object of the service's list, and any of
 * them in brackets for a list: "FunctionName! Timeout:i Tags:[Tag] Runtimes!:[s]".
 */
#ifndef EVOKE_DIALECT_SCF_API_H
#define EVOKE_DIALECT_SCF_API_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "fn/key.h"

struct cJSON;
struct fn;

struct scf_object { /* what models call by name */
    const char *name, *members;
};

/* One product of the cloud. */
struct scf_service {
    const char *name;    /* first label of its host, "scf" */
    const char *version; /* "2018-04-16" */
    const struct api_op *ops;
    uint32_t nops;
    const struct scf_object *objects;
    uint32_t nobjects;
};
extern const struct scf_service scf_service;           /* ops.c */
extern const struct scf_service *const scf_services[]; /* services.c: all of them */
extern const uint32_t scf_nservices;

enum {
    SCF_JSON_MAX = 72 << 20, /* a code package of 50 MB, in base64 */
    SCF_FORM_MAX = 12 << 20, /* who signs a form is known only once it is here */
    SCF_BODY_SMALL = 1 << 20,
    SCF_ANSWER_MAX = 16 << 20,
    SCF_FORM_FIELDS = 4096,
};

/* ---- what is asked ---- */

/* The parameters, checked against the model of c->op; owned by the caller. Members that were null are not
 * there. NULL: it has replied. Once per call. */
struct cJSON *scf_params(struct call *c);
/* A member of an object of scf_params(); STR_NONE and `absent` if it is not there. */
struct str scf_text(const struct cJSON *p, const char *name);
int64_t scf_number(const struct cJSON *p, const char *name, int64_t absent);
bool scf_flag(const struct cJSON *p, const char *name, bool absent);

/* Region and account of the request; valid while c->req is. */
struct str scf_region(const struct call *c);
struct str scf_account(const struct call *c);
/* The function FunctionName in Namespace ("default" if it names none). False: it has replied. */
bool scf_key(struct call *c, const struct cJSON *p, struct fn_key *ret);
/* The same, and it is there, and the signer may; borrowed. NULL: it has replied. */
const struct fn *scf_function(struct call *c, const struct cJSON *p, struct fn_key *ret);

/* ---- what is answered ---- */

struct scf_answer {
    struct buf body;
    struct jw w; /* within "Response" */
};
void scf_begin(struct scf_answer *a, size_t max);
void scf_send(struct call *c, struct scf_answer *a); /* with the RequestId; c is gone */
void scf_drop(struct scf_answer *a);                 /* not sent after all */
void scf_ok(struct call *c);                         /* nothing but the RequestId */
/* In the words of the cloud. status: what it would be elsewhere, for the audit trail and the metrics. */
#define scf_fail(c, code, ...) call_fail(c, 400, code, __VA_ARGS__)
void scf_unknown_action(struct call *c);

/* ---- inside ---- */

struct scf_ask { /* c->state, in the request's arena, until the handler has its parameters */
    const struct scf_service *service;
    struct str region;
    bool form; /* flattened names and text only: the earlier scheme, or a GET */
};

/* Is it signed in the earlier way: everything in a form? */
bool scf_is_form(const struct http_request *r);
/* The flattened fields of a form, or of a query, as a tree by the model. -EINVAL: code and e say why. */
int scf_form_tree(const struct scf_service *s, const char *model, struct str form,
                  struct cJSON **ret, const char **code, struct err *e);
/* Whole: nothing unknown, nothing of another type, nothing missing; nulls are taken out. */
int scf_model_check(const struct scf_service *s, const char *model, struct cJSON *tree,
                    const char **code, struct err *e);

struct scf_member { /* one word of a model */
    struct str name;
    bool needed, list;
    char kind;         /* 's', 'i', 'f', 'b', or 'o': */
    const char *model; /* its members */
};
/* Each word of a model; false at the end. Asserts that it is well formed. */
bool scf_model_next(const struct scf_service *s, const char **model, struct scf_member *ret);
bool scf_model_find(const struct scf_service *s, const char *model, struct str name,
                    struct scf_member *ret);

/* Of the set (transport.c, answer.c). */
extern const struct api_op scf_door;
bool scf_claims(const struct http_request *r);
bool scf_admit(struct call *c);
enum auth_failure scf_verify(const struct keys *k, const struct http_request *r, struct err *e);
void scf_refuse(struct call *c, enum auth_failure why, const struct err *e);
void scf_realm(struct call *c, struct api_realm *ret);
const struct api_op *scf_choose(struct call *c);
const char *scf_error_body(struct http_request *r, const char *request_id, int status,
                           const char *code, const char *message, struct buf *out);
void scf_too_large(const struct api_op *op, struct api_too_large *x);

#endif
