/* SPDX-License-Identifier: Apache-2.0 */
/* test_ignore.c - rules as gitignore(5) has them, by table. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "cli/ignore.h"
#include "t.h"

static const struct {
    const char *rules, *path;
    bool directory, ignored;
} cases[] = {
        /* at every depth, or anchored */
        {"a.txt", "a.txt", false, true},
        {"a.txt", "b/c/a.txt", false, true},
        {"a.txt", "a.txt.old", false, false},
        {"/a.txt", "a.txt", false, true},
        {"/a.txt", "b/a.txt", false, false},
        {"b/a.txt", "b/a.txt", false, true},
        {"b/a.txt", "c/b/a.txt", false, false},
        /* directories only */
        {"build/", "build", true, true},
        {"build/", "build", false, false},
        {"build/", "x/build", true, true},
        {"x/build/", "y/x/build", true, false},
        {"build/", "build/a", false, true},
        /* stars and the like */
        {"*.log", "a.log", false, true},
        {"*.log", "d/a.log", false, true},
        {"*.log", ".log", false, true},
        {"d/*.log", "d/a.log", false, true},
        {"d/*.log", "d/e/a.log", false, false},
        {"a?c", "abc", false, true},
        {"a?c", "a/c", false, false},
        {"a*b*c", "a--b-b--c", false, true},
        {"a*b*c", "a--b-b--cd", false, false},
        {"[abc].py", "b.py", false, true},
        {"[a-c].py", "c.py", false, true},
        {"[!a-c].py", "c.py", false, false},
        {"[^a-c].py", "d.py", false, true},
        {"a[!x]b", "a/b", false, false},
        {"[]]x", "]x", false, true},
        {"[]-]x", "-x", false, true},
        {"[\\]]x", "]x", false, true},
        {"[x", "[x", false, true},
        {"[a-]", "-", false, true},
        /* any number of directories */
        {"**/a", "a", false, true},
        {"**/a", "b/c/a", false, true},
        {"a/**", "a/b/c", false, true},
        {"a/**", "a", true, false},
        {"a/**/b", "a/b", false, true},
        {"a/**/b", "a/x/y/b", false, true},
        {"a/**/b", "a/xb", false, false},
        {"a**b", "a-b", false, true},
        {"a**b", "d/a-b", false, true},
        {"x/a**b", "x/a/b", false, false},
        {"**/d/*.o", "a/d/b/d/x.o", false, true},
        {"**/d/*.o", "a/d/b/x.o", false, false},
        {"**", "anything", false, true},
        /* taken back; the last rule wins */
        {"*.txt\n!a.txt", "a.txt", false, false},
        {"*.txt\n!a.txt", "b.txt", false, true},
        {"!a.txt\n*.txt", "a.txt", false, true},
        {"d/\n!d/a", "d/a", false, true}, /* its directory is out */
        {"d/*\n!d/a", "d/a", false, false},
        /* comments, blanks, escapes */
        {"# a\n\n  \n", "# a", false, false},
        {"\\#a", "#a", false, true},
        {"\\!a", "!a", false, true},
        {"a  ", "a", false, true},
        {"a\\ ", "a ", false, true},
        {"a b", "a b", false, true},
        {" a", " a", false, true},
        {"a\r\nb\r", "b", false, true},
        {"\\*", "*", false, true},
        {"\\*", "a", false, false},
        {"a\\", "a\\", false, true},
        {"/", "a", true, false},
        {"!", "a", false, false},
        /* built in, and taken back */
        {"", ".git", true, true},
        {"", "x/.git/config", false, true},
        {"", "a/__pycache__", true, true},
        {"", "evoke.yaml", false, true},
        {"", "lib/evoke.yaml", false, false},
        {"", ".evokeignore", false, true},
        {"", "index.py~", false, true},
        {"", ".index.py.swp", false, true},
        {"", "node_modules/m.js", false, false},
        {"!__pycache__", "a/__pycache__", true, false},
        {"!/evoke.yaml", "evoke.yaml", false, false},
};

static void rules_fit_as_git_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_with(ignore_freep) struct ignore *ig = ignore_new();
        struct err e = {0};

        t_ok(ignore_add(ig, str_of(cases[i].rules), &e), &e);
        if (ignore_covers(ig, cases[i].path, cases[i].directory) != cases[i].ignored)
            fail_msg("rules '%s': '%s' must %sbe ignored", cases[i].rules, cases[i].path,
                     cases[i].ignored ? "" : "not ");
    }
}

static void a_hostile_pattern_ends(void **state)
{
    cleanup_with(buf_done) struct buf pattern, path;

    (void)state;
    buf_init(&pattern, 8192);
    buf_init(&path, 8192);
    for (int i = 0; i < 500; i++) {
        buf_addz(&pattern, i % 7 ? "*a" : "**/*a");
        buf_addz(&path, i % 5 ? "aa" : "/aa");
    }
    buf_addz(&pattern, "b");
    assert_false(ignore_glob(pattern.p, path.p));
}

static void limits_hold_at_the_limit_and_one_above(void **state)
{
    cleanup_with(ignore_freep) struct ignore *ig = ignore_new();
    cleanup_with(buf_done) struct buf line, lines;
    struct err e = {0};

    (void)state;
    buf_init(&line, 4096);
    buf_init(&lines, 1 << 20);
    for (int i = 0; i < IGNORE_LINE; i++)
        buf_addc(&line, 'x');
    t_ok(ignore_add(ig, buf_str(&line), &e), &e);
    buf_addc(&line, 'x');
    assert_int_equal(ignore_add(ig, buf_str(&line), &e), -EINVAL);
    t_has(e.msg, "line 1: a rule has at most 1024 bytes");

    ig = (ignore_free(ig), ignore_new());
    for (int i = 0; i < IGNORE_RULES; i++)
        buf_addz(&lines, "x\n");
    assert_int_equal(ignore_add(ig, buf_str(&lines), &e), -EMSGSIZE); /* with the built-in ones */
    assert_int_equal(e.kind, ERR_LIMIT);
    t_has(e.msg, "more than 1000 rules");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(rules_fit_as_git_has_them),
            cmocka_unit_test(a_hostile_pattern_ends),
            cmocka_unit_test(limits_hold_at_the_limit_and_one_above),
    };

    return T_RUN(tests);
}
