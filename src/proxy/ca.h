/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca.h - the certificate authority of `evoke proxy`: made once, kept in a directory that only its user
 * reads, good for the clouds' domains and nothing else.
 */
#ifndef EVOKE_PROXY_CA_H
#define EVOKE_PROXY_CA_H

#include <openssl/ssl.h>

#include "base/str.h"

struct ca; /* opaque */
struct err;

/*
 * The authority in `dir` ("ca.pem", "ca-key.pem" 0600), made if there is none. -EINVAL: what is
 * there is no such pair, has expired, or knows not all domains of fn/vendor.h; the sentence says
 * what to remove.
 */
int ca_load(const char *dir, struct ca **ret, struct err *e);
struct ca *ca_free(struct ca *ca);
void ca_freep(struct ca **ca);

/* A server's TLS context with a fresh certificate for that name, good for two days. The caller's. */
int ca_context(const struct ca *ca, struct str host, SSL_CTX **ret, struct err *e);

/*
 * Write dir/bundle.pem: the roots that this machine trusts, and ours. For programs that take one
 * file instead of the machine's. own: a file of roots that the user has said; NULL: none.
 */
int ca_write_bundle(const struct ca *ca, const char *dir, const char *own, struct err *e);

#endif
