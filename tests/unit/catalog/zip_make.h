/* SPDX-License-Identifier: Apache-2.0 */
/* zip_make.h - zips that no honest tool makes: every field of an entry is the test's choice. */
#ifndef EVOKE_TESTS_ZIP_MAKE_H
#define EVOKE_TESTS_ZIP_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct zip_make {
    struct buf *out; /* borrowed */
    struct buf directory;
    uint64_t entries;
};

struct zip_entry {
    struct str name, data;
    uint32_t mode;     /* st_mode; 0: a plain file 0644 */
    bool deflate;      /* data is compressed (else stored) */
    bool encrypted;    /* only says so */
    uint64_t zeros;    /* instead of data: that many zero bytes, deflated */
    uint64_t lie_size; /* what it declares instead of its size; 0: the truth */
    uint32_t lie_crc;  /* added to the checksum */
};

void zip_start(struct zip_make *z, struct buf *out);
void zip_add(struct zip_make *z, const struct zip_entry *entry);
void zip_finish(struct zip_make *z); /* zip64 end records when there are more than 65535 entries */

#endif
