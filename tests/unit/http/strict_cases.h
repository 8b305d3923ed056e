/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strict_cases.h - requests that HTTP servers are known to read differently, and what ours must do.
 *
 * ACCEPT: every implementation must. REFUSE: reading it either way is how requests are smuggled
 * past a front server, a signature or a route. EITHER: both answers are safe. The last column is
 * the status of our refusal, 0 where we accept; it pins the choice made for EITHER.
 */
#ifndef EVOKE_TESTS_STRICT_CASES_H
#define EVOKE_TESTS_STRICT_CASES_H

#include "base/str.h"

enum strict_want { ACCEPT, REFUSE, EITHER };

static const struct strict_case {
    const char *name;
    struct str bytes;
    enum strict_want want;
    int status;
} strict_cases[] = {
        {"plain GET", S("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"), ACCEPT, 0},
        {"CL + TE: chunked",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
         REFUSE, 400},
        {"TE: chunked + CL (other order)",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
           "5\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
         REFUSE, 400},
        {"duplicate CL, different",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello"),
         REFUSE, 400},
        {"duplicate CL, same",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
         EITHER, 400},
        {"CL list '5, 5'", S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello"),
         EITHER, 400},
        {"CL '+5'", S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"), REFUSE,
         400},
        {"CL '-5'", S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello"), REFUSE,
         400},
        {"CL '5 6'", S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5 6\r\n\r\nhello"),
         REFUSE, 400},
        {"CL '0x5'", S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello"),
         REFUSE, 400},
        {"CL '5abc'", S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5abc\r\n\r\nhello"),
         REFUSE, 400},
        {"CL empty", S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\nhello"), REFUSE,
         400},
        {"CL 2^64+5 overflow",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello"),
         REFUSE, 400},
        {"TE: xchunked",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"TE: chunked, identity",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, "
           "identity\r\n\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"TE: identity (+CL)",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: "
           "5\r\n\r\nhello"),
         REFUSE, 400},
        {"TE: gzip, chunked",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
         EITHER, 400},
        {"TE twice: chunked / x",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
           "x\r\n\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"TE '\\x0bchunked'",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \013chunked\r\n\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"TE quoted \"chunked\"",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"TE chunked on HTTP/1.0",
         S("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), REFUSE,
         400},
        {"bare LF line ends", S("GET /echo HTTP/1.1\nHost: a\n\n"), REFUSE, 400},
        {"bare LF in one header", S("GET /echo HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n"), REFUSE,
         400},
        {"bare CR in value", S("GET /echo HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n"), REFUSE, 400},
        {"obs-fold", S("GET /echo HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"), REFUSE, 400},
        {"obs-fold on TE",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"first header folded", S("GET /echo HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"NUL in value", S("GET /echo HTTP/1.1\r\nHost: a\r\nX: a\000b\r\n\r\n"), REFUSE, 400},
        {"\\x01 in value", S("GET /echo HTTP/1.1\r\nHost: a\r\nX: a\001b\r\n\r\n"), REFUSE, 400},
        {"\\x7f in value", S("GET /echo HTTP/1.1\r\nHost: a\r\nX: a\177b\r\n\r\n"), REFUSE, 400},
        {"NUL in name", S("GET /echo HTTP/1.1\r\nHost: a\r\nX\000Y: a\r\n\r\n"), REFUSE, 400},
        {"space before colon",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello"), REFUSE, 400},
        {"tab before colon",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length\011: 5\r\n\r\nhello"), REFUSE, 400},
        {"empty header name", S("GET /echo HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"), REFUSE, 400},
        {"no colon", S("GET /echo HTTP/1.1\r\nHost: a\r\nFoo\r\n\r\n"), REFUSE, 400},
        {"'(' in name", S("GET /echo HTTP/1.1\r\nHost: a\r\nX(: x\r\n\r\n"), REFUSE, 400},
        {"8-bit in name", S("GET /echo HTTP/1.1\r\nHost: a\r\nX\351: x\r\n\r\n"), REFUSE, 400},
        {"obs-text in value", S("GET /echo HTTP/1.1\r\nHost: a\r\nX: \303\251\r\n\r\n"), ACCEPT, 0},
        {"chunk size '5x'",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n5x\r\nhello\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"chunk size '-5'",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"chunk size '0x5'",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"chunk size overflow",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"chunk size empty",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"chunk size ' 5'",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n "
           "5\r\nhello\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"chunk size '5 '",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 "
           "\r\nhello\r\n0\r\n\r\n"),
         EITHER, 400},
        {"chunk line bare LF",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n"),
         REFUSE, 400},
        {"chunk data without CRLF",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n"),
         REFUSE, 400},
        {"chunk ext with bare LF",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n5;a\nX\r\nhello\r\n0\r\n\r\n"),
         REFUSE, 400},
        {"chunk ext ok",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n"),
         ACCEPT, 0},
        {"trailers",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"),
         ACCEPT, 0},
        {"trailer Content-Length",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n"),
         EITHER, 0},
        {"no Host", S("GET /echo HTTP/1.1\r\n\r\n"), REFUSE, 400},
        {"two Host", S("GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), REFUSE, 400},
        {"absolute-form target", S("GET http://b/echo HTTP/1.1\r\nHost: a\r\n\r\n"), ACCEPT, 0},
        {"target without slash", S("GET echo HTTP/1.1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"target with space", S("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"tab as separator", S("GET\011/echo\011HTTP/1.1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"NUL in target", S("GET /a\000b HTTP/1.1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"8-bit in target", S("GET /\303\251 HTTP/1.1\r\nHost: a\r\n\r\n"), EITHER, 0},
        {"'#frag' in target", S("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), EITHER, 400},
        {"HTTP/1.2", S("GET /echo HTTP/1.2\r\nHost: a\r\n\r\n"), EITHER, 505},
        {"HTTP/2.0 line", S("GET /echo HTTP/2.0\r\nHost: a\r\n\r\n"), REFUSE, 505},
        {"HTTP/0.9 simple", S("GET /echo\r\n\r\n"), REFUSE, 400},
        {"HTTP/1.1x", S("GET /echo HTTP/1.1x\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"lower-case http/1.1", S("GET /echo http/1.1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"leading CRLF", S("\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n"), ACCEPT, 0},
        {"leading space", S(" GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"method FROB", S("FROB /echo HTTP/1.1\r\nHost: a\r\n\r\n"), ACCEPT, 0},
        {"method g(t", S("g(t /echo HTTP/1.1\r\nHost: a\r\n\r\n"), REFUSE, 400},
        {"OPTIONS *", S("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), ACCEPT, 0},
        {"Expect: foo",
         S("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: foo\r\nContent-Length: 0\r\n\r\n"), EITHER,
         417},
        {"GET with body", S("GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
         ACCEPT, 0},
        {"pipelined x3",
         S("GET /echo HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\nGET /echo "
           "HTTP/1.1\r\nHost: a\r\n\r\n"),
         ACCEPT, 0},
};

#endif
