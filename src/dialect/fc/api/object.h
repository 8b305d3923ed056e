/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - records into the objects Function Compute answers with. */
#ifndef EVOKE_DIALECT_FC_API_OBJECT_H
#define EVOKE_DIALECT_FC_API_OBJECT_H

#include <stdint.h>

#include "base/crypto.h"
#include "base/str.h"

struct buf;
struct fn;
struct resource;
struct space;

enum { FC_OBJECT_MAX = 256 << 10, FC_ETAG_TEXT = 33 };

void fc_object_service(const struct space *s, struct buf *out);
void fc_object_function(const struct fn *f, struct buf *out);

/* Derived from its key and the time it was made. */
const char *fc_object_function_id(const struct fn *f, char out[UUID_TEXT]);

/* Changes with every write to the record. */
const char *fc_object_service_etag(const struct space *s, char out[FC_ETAG_TEXT]);
const char *fc_object_function_etag(const struct fn *f, char out[FC_ETAG_TEXT]);
const char *fc_object_resource_etag(const struct resource *r, char out[FC_ETAG_TEXT]);

/* Decimal CRC-64 of a package, as in codeChecksum. */
enum { FC_CHECKSUM_TEXT = 21 };
const char *fc_object_checksum(struct str zip, char out[FC_CHECKSUM_TEXT]);

#endif
