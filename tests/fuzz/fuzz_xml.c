/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_xml.c - documents of storage clients. Reading ends; depth and names keep to their limits, every
 * element that is opened is closed or the document refused, and a text is never longer than what it came from.
 */
#include "base/buf.h"
#include "fuzz.h"
#include "storage/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint32_t opened = 0, closed = 0;
    struct buf text;
    struct xml x;
    int r;

    buf_init(&text, 4096);
    xml_init(&x, (struct str){(const char *)data, n}, &text);
    do {
        r = xml_next(&x);
        opened += r == XML_OPEN;
        closed += r == XML_CLOSE;
        if (r >= 0 && r != XML_END)
            holds(x.depth > 0 && x.depth <= XML_DEPTH && x.names[x.depth - 1].n <= XML_NAME &&
                  text.n <= n);
    } while (r >= 0 && r != XML_END);
    holds(closed <= opened && (r < 0 || opened == closed));
    buf_done(&text);
    return 0;
}
