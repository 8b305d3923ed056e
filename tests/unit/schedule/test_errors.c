/* SPDX-License-Identifier: Apache-2.0 */
/* What is malformed is refused with a sentence that points to it, and nothing else is refused. */
#include "schedule/schedule.h"

#include <errno.h>

#include "base/obj.h"
#include "schedule/civil.h"
#include "schedule/cron.h"
#include "t.h"

static int parse(enum schedule_syntax syntax, struct str text, const char *zone, struct err *e)
{
    struct schedule *s = NULL;
    int r = schedule_parse(syntax, text, str_of(zone), &s, e);

    assert_true((r == 0) == (s != NULL));
    schedule_free(s);
    return r;
}

struct bad {
    enum schedule_syntax syntax;
    const char *text;
    const char *says[4]; /* every part of it is in the sentence */
};

static void what_is_malformed_is_pointed_at(void **state)
{
    static const struct bad cases[] = {
            {SCHEDULE_FG_CRON,
             "60 * * * * *",
             {"field 1 (second) '60' at character 1", "out of range is '60'", "0-59 and , - * /"}},
            {SCHEDULE_FG_CRON, "0  0 24 * * *", {"field 3 (hour) '24' at character 6", "0-23"}},
            {SCHEDULE_FG_CRON, "0 0 0 0 * *", {"field 4 (day of month) '0'", "1-31 and , - * ? /"}},
            {SCHEDULE_FG_CRON, "0 0 0 1 13 *", {"field 5 (month) '13'", "1-12 or JAN-DEC"}},
            {SCHEDULE_FG_CRON, "0 0 0 * * 7", {"field 6 (day of week) '7'", "0-6 or SUN-SAT"}},
            {SCHEDULE_FG_CRON, "0 0 0 * * MONDAY", {"neither a number nor a name", "'MONDAY'"}},
            {SCHEDULE_FG_CRON, "0 ? * * * *", {"field 2 (minute) '?'", "no character", "'?'"}},
            {SCHEDULE_FG_CRON, "0 0 0 L * *", {"(day of month) 'L'", "'L'"}},
            {SCHEDULE_FG_CRON, "0 0 0 * * FRI#1", {"no character of this field is '#'"}},
            {SCHEDULE_FG_CRON, "0 0 0 ?,1 * *", {"'?' stands alone"}},
            {SCHEDULE_FG_CRON, "0 0 0 1,, * *", {"a value is missing in '1,,'"}},
            {SCHEDULE_FG_CRON, "0 5- * * * *", {"a value is missing in '5-'"}},
            {SCHEDULE_FG_CRON, "0 30-10 * * * *", {"the range runs backwards in '30-10'"}},
            {SCHEDULE_FG_CRON, "0 */0 * * * *", {"no step for this field is '0'"}},
            {SCHEDULE_FG_CRON, "0 */61 * * * *", {"no step for this field is '61'"}},
            {SCHEDULE_FG_CRON, "0 0/ * * * *", {"no step for this field is ''"}},
            {SCHEDULE_FG_CRON, "* * * *", {"number of fields", "5 or 6 (second"}},
            {SCHEDULE_FG_CRON, "* * * * * * *", {"number of fields"}},
            {SCHEDULE_FG_CRON, "", {"number of fields"}},
            {SCHEDULE_FG_CRON,
             "0 0 0 30 2 ?",
             {"field 4 (day of month) '30' at character 7", "no month of '2'"}},
            {SCHEDULE_FG_CRON, "0 0 0 31 APR,JUN,9,11 *", {"no month of 'APR,JUN,9,11'"}},
            {SCHEDULE_FG_CRON, "@daily", {"'@daily' at character 1", "'@every'"}},
            {SCHEDULE_FG_CRON, "@every", {"'@every'"}},
            {SCHEDULE_FG_CRON, "@every -5m", {"at character 8", "units h, m"}},
            {SCHEDULE_FG_CRON, "@every 5", {"at character 8"}},
            {SCHEDULE_FG_CRON, "@every 1h5x", {"at character 10"}},
            {SCHEDULE_FG_CRON, "@every 999ms", {"1s is the least"}},
            {SCHEDULE_FG_CRON, "@every 2562048h", {"too long"}},
            {SCHEDULE_FG_CRON, "@every 99999999999999999999999999999999999h", {"too long"}},
            {SCHEDULE_FG_CRON, "CRON_TZ= 0 0 0 * * *", {"names no time zone"}},
            {SCHEDULE_FG_CRON, "CRON_TZ=UTC", {"number of fields"}},
            {SCHEDULE_FG_CRON, "CRON_TZ=UTC 0 0 25 * * *", {"field 3 (hour) '25' at character 17"}},
            {SCHEDULE_FG_RATE, "0m", {"1m to 60m"}},
            {SCHEDULE_FG_RATE, "61m", {"1m to 60m"}},
            {SCHEDULE_FG_RATE, "25h", {"1h to 24h"}},
            {SCHEDULE_FG_RATE, "31d", {"1d to 30d"}},
            {SCHEDULE_FG_RATE, "3s", {"not a number and a unit"}},
            {SCHEDULE_FG_RATE, "3", {"not a number and a unit"}},
            {SCHEDULE_FG_RATE, "m", {"not a number and a unit"}},
            {SCHEDULE_FG_RATE, "-3m", {"not a number and a unit"}},
            {SCHEDULE_FG_RATE, "1.5h", {"not a number and a unit"}},
            {SCHEDULE_FG_RATE, "", {"not a number and a unit"}},
            {SCHEDULE_FC, "0 0 4 * *", {"number of fields", "6 (second"}},
            {SCHEDULE_FC, "0 0 4 * * 8", {"field 6 (day of week) '8'", "1-7 or MON-SUN"}},
            {SCHEDULE_FC, "0 0 4 * * */2", {"(day of week) '*/2'", "no character", "'/'"}},
            {SCHEDULE_SCF, "* * * * * *", {"number of fields", "7 (second"}},
            {SCHEDULE_SCF, "0 0 0 ? * * *", {"(day of month) '?'"}},
            {SCHEDULE_SCF, "0 0 0 * * * 1969", {"field 7 (year) '1969'", "1970-2099"}},
            {SCHEDULE_SCF, "0 0 0 * * * 2100", {"field 7 (year) '2100'"}},
            {SCHEDULE_SCF, "0 0 0 29 2 * 2023", {"in the years given"}},
            {SCHEDULE_SCF, "0 0 30 2 *", {"field 3 (day of month) '30' at character 5"}},
            {SCHEDULE_SCF, "CRON_TZ=UTC 0 0 0 * * * *", {"name no time zone"}},
            {SCHEDULE_SCF, "@every 5m", {"is no expression"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        int r = parse(cases[i].syntax, str_of(cases[i].text), "UTC", &e);

        if (r != -EINVAL || e.kind != ERR_CALLER)
            fail_msg("'%s' is %d: %s", cases[i].text, r, e.msg);
        for (size_t k = 0; k < ARRAY_LEN(cases[i].says) && cases[i].says[k]; k++)
            t_has(e.msg, cases[i].says[k]);
    }
}

static void what_is_allowed_is_taken(void **state)
{
    static const struct {
        enum schedule_syntax syntax;
        const char *text;
    } cases[] = {
            {SCHEDULE_FG_CRON, "*/60 */60 */24 */31 */12 */7"},
            {SCHEDULE_FG_CRON, "0-59/59,3 1,2,3-5 23 31 DEC sun-SAT/2"},
            {SCHEDULE_FG_CRON, " \t0 0\t0 ? * ? "},
            {SCHEDULE_FG_CRON, "0 0 0 29 feb ?"},
            {SCHEDULE_FG_CRON, "0 0 0 30,31 2 MON"}, /* Mondays there are */
            {SCHEDULE_FG_CRON, "CRON_TZ=America/Argentina/Buenos_Aires @every 1h"},
            {SCHEDULE_FC, "0 0 4 ? * FRI-SUN"},
            {SCHEDULE_SCF, "0 0 0 29 2 * 2024"},
            {SCHEDULE_SCF, "0 0 0 * * * 1970-2099/2"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};

        t_ok(parse(cases[i].syntax, str_of(cases[i].text), "", &e), &e);
    }
}

static void an_expression_has_its_limit(void **state)
{
    static const struct str rule = S("0 * * * * *");
    char text[SCHEDULE_TEXT + 2];
    struct err e = {0};

    (void)state;
    memset(text, ' ', sizeof(text));
    for (size_t i = 0; i < rule.n; i++)
        text[i] = rule.p[i];
    assert_int_equal(parse(SCHEDULE_FC, (struct str){text, SCHEDULE_TEXT}, "UTC", &e), 0);
    assert_int_equal(parse(SCHEDULE_FC, (struct str){text, SCHEDULE_TEXT + 1}, "UTC", &e), -EINVAL);
    t_has(e.msg, "257 bytes");
}

static void a_zone_that_is_not_known_is_refused(void **state)
{
    static const char *const names[] = {
            "Mars/Base",      "Europe/berlin", "Europe",     "../../etc/passwd",
            "/etc/localtime", "localtime",     "posixrules", "right/Etc/UTC",
            "posix/Etc/UTC",  "zone.tab",      "Europe/",    "Europe//Berlin",
            "leapseconds",    "+VERSION",      "UTC\x01",    "Europe/./Berlin",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err e = {0};

        if (parse(SCHEDULE_FC, S("0 * * * * *"), names[i], &e) != -ENOENT)
            fail_msg("'%s' is taken: %s", names[i], e.msg);
        t_has(e.msg, "IANA");
    }
    assert_int_equal(parse(SCHEDULE_FC, S("CRON_TZ=Nowhere 0 * * * * *"), "UTC", NULL), -ENOENT);
    assert_int_equal(parse(SCHEDULE_FG_RATE, S("3m"), "Nowhere", NULL), -ENOENT);
}

static void the_calendar_is_the_one_of_400_years(void **state)
{
    struct civil c = {1969, 12, 31};

    (void)state;
    for (int64_t day = 0; day < INT64_C(400) * 366; day++) {
        struct civil next = civil_of(day);

        if (next.day == 1)
            assert_int_equal(c.day, month_days(c.year, c.month));
        else
            assert_int_equal(next.day, c.day + 1);
        assert_int_equal(day_of(next.year, next.month, next.day), day);
        assert_int_equal(weekday_of(day), (4 + day) % 7); /* 1970 began on a Thursday */
        c = next;
    }
    assert_int_equal(day_of(1969, 12, 31), -1);
    assert_int_equal(weekday_of(-1), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_malformed_is_pointed_at),
            cmocka_unit_test(what_is_allowed_is_taken),
            cmocka_unit_test(an_expression_has_its_limit),
            cmocka_unit_test(a_zone_that_is_not_known_is_refused),
            cmocka_unit_test(the_calendar_is_the_one_of_400_years),
    };
    return T_RUN(tests);
}
