/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_chunk.c - the chunked coding of RFC 9112 section 7.1, one byte at a time but for the data.
 *
 *   SIZE --digits--> SIZE --';'--> EXTENSION --CR--> SIZE_LF --LF--> DATA -> DATA_CR -> DATA_LF
 *    ^                                                  |                                 |
 *    |                                                  +-- size 0 --> TRAILER            |
 *    +------------------------------------------------------------------------------------+
 *   TRAILER --name--> NAME --':'--> VALUE --CR--> VALUE_LF --LF--> TRAILER
 *   TRAILER --CR--> LAST_LF --LF--> END
 *
 * Extensions and trailers are checked and dropped: nobody behind us may see a field that came after
 * the signature was checked. Both are bounded, as is the number of digits. Of extensions we take
 * tokens only: blanks and quoted strings are legal, sent by nobody, and read differently by many.
 */
#include <assert.h>

#include "http/h1.h"
#include "http/h1_bytes.h"

enum { MAX_DIGITS = 16, MAX_LINE = 1024, MAX_TRAILERS = 8192 };

enum chunk_state {
    SIZE, /* 0: a zeroed decoder starts here */
    EXT,  /* a name must begin */
    EXT_NAME,
    EXT_EQUALS, /* a value must begin */
    EXT_VALUE,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    NAME,
    VALUE,
    VALUE_LF,
    LAST_LF,
    END,
};

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *step_size(struct h1_chunks *c, uint8_t ch)
{
    int digit = hex_digit(ch);

    if (digit >= 0) {
        if (c->digits == MAX_DIGITS || c->left >> 59)
            return "a chunk size is too large";
        c->digits++;
        c->left = c->left * 16 + (uint64_t)digit;
        return NULL;
    }
    if (c->digits == 0)
        return "a chunk size is missing";
    if (ch != '\r' && ch != ';')
        return "a chunk size is malformed";
    c->state = ch == ';' ? EXT : SIZE_LF;
    c->line_bytes = 0;
    return NULL;
}

static const char *step_extension(struct h1_chunks *c, uint8_t ch)
{
    bool in_word = c->state == EXT_NAME || c->state == EXT_VALUE;

    if (++c->line_bytes > MAX_LINE)
        return "a chunk extension is too long";
    if (h1_bytes[ch] & H1_TOKEN)
        c->state = c->state == EXT || c->state == EXT_NAME ? EXT_NAME : EXT_VALUE;
    else if (in_word && ch == '\r')
        c->state = SIZE_LF;
    else if (in_word && ch == ';')
        c->state = EXT;
    else if (c->state == EXT_NAME && ch == '=')
        c->state = EXT_EQUALS;
    else
        return "a chunk extension is malformed";
    return NULL;
}

static const char *step_trailer(struct h1_chunks *c, uint8_t ch)
{
    if (++c->trailer_bytes > MAX_TRAILERS)
        return "the trailers are too long";
    switch ((enum chunk_state)c->state) {
    case TRAILER:
        c->state = ch == '\r' ? LAST_LF : NAME;
        return ch == '\r' || h1_bytes[ch] & H1_TOKEN ? NULL : "a trailer has no name";
    case NAME:
        if (ch == ':')
            c->state = VALUE;
        return ch == ':' || h1_bytes[ch] & H1_TOKEN ? NULL : "a trailer name is malformed";
    case VALUE:
        if (ch == '\r')
            c->state = VALUE_LF;
        return ch == '\r' || h1_bytes[ch] & H1_VALUE ? NULL : "a trailer value is malformed";
    case SIZE:
    case EXT:
    case EXT_NAME:
    case EXT_EQUALS:
    case EXT_VALUE:
    case SIZE_LF:
    case DATA:
    case DATA_CR:
    case DATA_LF:
    case VALUE_LF:
    case LAST_LF:
    case END:
        break;
    }
    assert(!"a state of the trailers");
    return NULL;
}

/* Go on to `next` if ch is what must stand here. */
static const char *must_be(struct h1_chunks *c, uint8_t ch, char want, enum chunk_state next)
{
    c->state = (uint8_t)next;
    return ch == (uint8_t)want ? NULL : "a chunk does not end in CRLF";
}

static const char *step(struct h1_chunks *c, uint8_t ch)
{
    switch ((enum chunk_state)c->state) {
    case SIZE:
        return step_size(c, ch);
    case EXT:
    case EXT_NAME:
    case EXT_EQUALS:
    case EXT_VALUE:
        return step_extension(c, ch);
    case SIZE_LF:
        c->digits = 0;
        return must_be(c, ch, '\n', c->left ? DATA : TRAILER);
    case DATA_CR:
        return must_be(c, ch, '\r', DATA_LF);
    case DATA_LF:
        return must_be(c, ch, '\n', SIZE);
    case TRAILER:
    case NAME:
    case VALUE:
        return step_trailer(c, ch);
    case VALUE_LF:
        return must_be(c, ch, '\n', TRAILER);
    case LAST_LF:
        return must_be(c, ch, '\n', END);
    case DATA:
    case END:
        break;
    }
    assert(!"a state that eats single bytes");
    return NULL;
}

int h1_chunk(struct h1_chunks *c, struct str *in, struct str *ret_data, const char **ret_why)
{
    *ret_data = STR_NONE;
    while (in->n && c->state != END) {
        if (c->state == DATA) {
            size_t n = in->n < c->left ? in->n : (size_t)c->left;

            *ret_data = (struct str){in->p, n};
            *in = str_from(*in, n);
            c->left -= n;
            if (c->left == 0)
                c->state = DATA_CR;
            return 0;
        }
        *ret_why = step(c, (uint8_t)in->p[0]);
        if (*ret_why)
            return -400;
        *in = str_from(*in, 1);
    }
    return c->state == END ? 1 : 0;
}
