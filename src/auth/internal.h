/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - the steps that every scheme of signatures shares; inside auth/ only. */
#ifndef EVOKE_AUTH_INTERNAL_H
#define EVOKE_AUTH_INTERNAL_H

#include "auth/auth.h"
#include "sign/sign.h"

enum { AUTH_PATH_MAX = 64 * 1024 };

/* Who signed, and with which secret. */
struct signer {
    struct auth_caller caller;
    struct key key;                /* of the installation; wiped by signer_done() */
    char role_secret[ROLE_SECRET]; /* "": it is not a role's */
};
/* now_ms INT64_MIN: a role's keys may have expired (the head was looked at before). */
enum auth_failure signer_find(const struct keys *k, struct str access, struct str token,
                              int64_t now_ms, struct signer *ret, struct err *e);
void signer_done(struct signer *s);
/* The secrets it may have been signed with: the n-th, or nothing. */
struct str signer_secret(const struct signer *s, int n);
/* The signature holds: the key was used. AUTH_OK. */
enum auth_failure signer_proved(const struct keys *k, const struct signer *s);

/* A key we know, a time that is now: all that a head can prove. */
enum auth_failure auth_admit(const struct keys *k, struct str access, struct str token,
                             int64_t date_ms, int64_t now_ms, struct auth_caller *ret,
                             struct err *e);
struct str auth_header(const struct http_request *r, const char *name);
enum auth_failure auth_fail(enum auth_failure why, struct err *e, int code, const char *text);
enum auth_failure auth_missing(struct err *e, const char *name);
enum auth_failure auth_mismatch(struct err *e);
/* The request as the arithmetic sees it; list is the caller's room for H1_MAX_HEADERS. */
struct sign_request auth_to_sign(const struct http_request *r, struct sign_header *list);
bool auth_has_control(struct str s);
/* Tencent Cloud's two schemes: five minutes; a text of Unix seconds (0, -EINVAL, -ERANGE). */
enum auth_failure auth_tc_clock(int64_t date_ms, int64_t now_ms, struct err *e);
int auth_tc_seconds(struct str text, int64_t *ret_ms);

#endif
