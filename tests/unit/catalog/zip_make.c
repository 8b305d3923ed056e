/* SPDX-License-Identifier: Apache-2.0 */
/* Shape: APPNOTE.TXT 6.3.10, sections 4.3.7 (local header) and 4.3.12 to 4.3.16. */
#include "zip_make.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/alloc.h"

static void number(struct buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_addc(b, (char)(v >> (8 * i)));
}

void zip_start(struct zip_make *z, struct buf *out)
{
    *z = (struct zip_make){.out = out};
    buf_init(&z->directory, 256 << 20);
}

/* Raw deflate, in pieces: zeros never exist as a whole. */
static void squeeze(struct str data, uint64_t zeros, struct buf *out, uint32_t *crc)
{
    static const unsigned char nothing[1 << 16];
    unsigned char room[1 << 14];
    z_stream s = {0};
    int flush = Z_NO_FLUSH;

    assert(deflateInit2(&s, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    *crc = (uint32_t)crc32(0, NULL, 0);
    while (flush != Z_FINISH) {
        uint64_t n = zeros > 0 ? (zeros < sizeof(nothing) ? zeros : sizeof(nothing)) : data.n;

        s.next_in = zeros > 0 ? (unsigned char *)nothing : (unsigned char *)data.p;
        s.avail_in = (unsigned)n;
        if (n > 0)
            *crc = (uint32_t)crc32(*crc, s.next_in, (unsigned)n);
        zeros -= zeros > 0 ? n : 0;
        flush = zeros > 0 ? Z_NO_FLUSH : Z_FINISH;
        do {
            s.next_out = room;
            s.avail_out = sizeof(room);
            deflate(&s, flush);
            buf_add(out, room, sizeof(room) - s.avail_out);
        } while (s.avail_out == 0);
    }
    deflateEnd(&s);
}

static void header(struct buf *b, const struct zip_entry *e, uint32_t crc, uint64_t packed,
                   uint64_t size)
{
    number(b, 20, 2);
    number(b, e->encrypted ? 1 : 0x800, 2);
    number(b, e->deflate || e->zeros > 0 ? 8 : 0, 2);
    number(b, 0x00210000, 4); /* 1980-01-01 00:00 */
    number(b, crc, 4);
    number(b, packed, 4);
    number(b, size, 4);
    number(b, e->name.n, 2);
    number(b, 0, 2);
}

void zip_add(struct zip_make *z, const struct zip_entry *e)
{
    uint64_t at = z->out->n, size = e->zeros > 0 ? e->zeros : e->data.n;
    uint32_t crc, mode = e->mode ? e->mode : 0100644;
    struct buf packed;

    buf_init(&packed, 256 << 20);
    if (e->deflate || e->zeros > 0) {
        squeeze(e->data, e->zeros, &packed, &crc);
    } else {
        crc = (uint32_t)crc32(0, (const unsigned char *)e->data.p, (unsigned)e->data.n);
        buf_adds(&packed, e->data);
    }
    crc += e->lie_crc;
    size = e->lie_size ? e->lie_size : size;

    buf_add(z->out, "PK\3\4", 4);
    header(z->out, e, crc, packed.n, size);
    buf_adds(z->out, e->name);
    buf_adds(z->out, buf_str(&packed));

    buf_add(&z->directory, "PK\1\2", 4);
    number(&z->directory, 3 << 8 | 20, 2); /* made on Unix: the mode below is a st_mode */
    header(&z->directory, e, crc, packed.n, size);
    number(&z->directory, 0, 2 + 2 + 2); /* comment, disk, internal attributes */
    number(&z->directory, (uint64_t)mode << 16, 4);
    number(&z->directory, at, 4);
    buf_adds(&z->directory, e->name);
    z->entries++;
    buf_done(&packed);
}

void zip_finish(struct zip_make *z)
{
    uint64_t at = z->out->n, n = z->entries;

    buf_adds(z->out, buf_str(&z->directory));
    if (n > 65535) {
        uint64_t end64 = z->out->n;

        buf_add(z->out, "PK\6\6", 4);
        number(z->out, 44, 8);
        number(z->out, 3 << 8 | 45, 2);
        number(z->out, 45, 2);
        number(z->out, 0, 8);
        number(z->out, n, 8);
        number(z->out, n, 8);
        number(z->out, z->directory.n, 8);
        number(z->out, at, 8);
        buf_add(z->out, "PK\6\7", 4);
        number(z->out, 0, 4);
        number(z->out, end64, 8);
        number(z->out, 1, 4);
        n = 65535;
    }
    buf_add(z->out, "PK\5\6", 4);
    number(z->out, 0, 4);
    number(z->out, n, 2);
    number(z->out, n, 2);
    number(z->out, z->directory.n, 4);
    number(z->out, at, 4);
    number(z->out, 0, 2);
    assert(buf_ok(z->out) && buf_ok(&z->directory));
    buf_done(&z->directory);
}
