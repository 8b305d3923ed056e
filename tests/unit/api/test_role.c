/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys of a role reach is this list (docs/compat/roles.md). An operation that is to be
 * added to it is added here, too: that is the point. */
#include "t.h"

#include "admin/admin.h"
#include "api/api.h"
#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"

static const struct {
    const char *set, *op;
    enum api_role role;
} open_to_roles[] = {
        {"functiongraph", "ShowFunctionConfig", API_ROLE_ITSELF},
        {"functiongraph", "InvokeFunction", API_ROLE_ACCOUNT},
        {"functiongraph", "AsyncInvokeFunction", API_ROLE_ACCOUNT},
        {"fc", "GetFunction", API_ROLE_ITSELF},
        {"fc", "InvokeFunction", API_ROLE_ACCOUNT},
};

enum { OPEN = sizeof(open_to_roles) / sizeof(open_to_roles[0]) };

static enum api_role expected(const char *set, const char *op)
{
    for (size_t i = 0; i < OPEN; i++)
        if (strcmp(open_to_roles[i].set, set) == 0 && strcmp(open_to_roles[i].op, op) == 0)
            return open_to_roles[i].role;
    return API_ROLE_NOTHING;
}

static void a_role_reaches_these_operations_and_no_other(void **state)
{
    static const struct api_set *const sets[] = {&functiongraph_api, &fc_api, &admin_api};
    size_t found = 0;

    (void)state;
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++)
        for (uint32_t i = 0; i < sets[s]->nops; i++) {
            const struct api_op *op = &sets[s]->ops[i];

            if (op->role != expected(sets[s]->name, op->name))
                fail_msg("%s %s is open to roles as %d", sets[s]->name, op->name, op->role);
            found += op->role != API_ROLE_NOTHING;
        }
    assert_int_equal(found, OPEN);
}

/* A search whose filter is too much for a query. */
static bool asks_by_post(const char *name)
{
    return strcmp(name, "ShowResInstanceInfo") == 0;
}

/* A row that forgets its scope is open to admin keys only, which is safe and of no use. */
static void every_operation_says_which_scope_it_needs(void **state)
{
    static const struct api_set *const sets[] = {&functiongraph_api, &fc_api, &admin_api};

    (void)state;
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        assert_non_null(sets[s]->realm);
        for (uint32_t i = 0; i < sets[s]->nops; i++) {
            const struct api_op *op = &sets[s]->ops[i];
            unsigned scope = op->scope;

            if (!scope || (scope & (scope - 1)) || scope > KEY_SCOPE_ALL)
                fail_msg("%s %s needs one scope, not %u", sets[s]->name, op->name, scope);
            if (scope == KEY_READ && strcmp(op->route.method, "GET") != 0 &&
                !asks_by_post(op->name))
                fail_msg("%s %s: a %s is no reading", sets[s]->name, op->name, op->route.method);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_role_reaches_these_operations_and_no_other),
            cmocka_unit_test(every_operation_says_which_scope_it_needs),
    };

    return T_RUN(tests);
}
