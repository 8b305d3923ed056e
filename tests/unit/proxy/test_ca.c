/* SPDX-License-Identifier: Apache-2.0 */
/* The authority of the proxy (proxy/ca.h): made once, private, good for the clouds' names only. */
#include "t.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "proxy/ca.h"
#include "tempdir.h"

enum { FILE_MAX_BYTES = 16 << 20 };

static struct buf read_file(const char *dir, const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    struct err e = {0};
    struct buf out;

    buf_init(&out, FILE_MAX_BYTES);
    t_ok(io_read_file(AT_FDCWD, path, &out, &e), &e);
    free(path);
    return out;
}

static X509 *authority_of(const char *dir)
{
    struct buf pem = read_file(dir, "ca.pem");
    BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

    BIO_free(b);
    buf_done(&pem);
    assert_non_null(x);
    return x;
}

/* What a client decides that trusts only this authority and asked for that host. */
static int verdict(const char *dir, const struct ca *ca, const char *host)
{
    struct err e = {0};
    SSL_CTX *made = NULL;
    X509_STORE *roots = X509_STORE_new();
    X509_STORE_CTX *cx = X509_STORE_CTX_new();
    X509 *root = authority_of(dir);
    int said;

    t_ok(ca_context(ca, str_of(host), &made, &e), &e);
    (void)X509_STORE_add_cert(roots, root);
    (void)X509_STORE_CTX_init(cx, roots, SSL_CTX_get0_certificate(made), NULL);
    (void)X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(cx), X509_V_FLAG_X509_STRICT);
    (void)X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(cx), host, 0);
    (void)X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(cx), X509_PURPOSE_SSL_SERVER);
    (void)X509_verify_cert(cx);
    said = X509_STORE_CTX_get_error(cx);
    X509_STORE_CTX_free(cx);
    X509_STORE_free(roots);
    X509_free(root);
    SSL_CTX_free(made);
    return said;
}

static void it_vouches_for_the_clouds_and_for_nobody_else(void **state)
{
    char *dir = tempdir_new();
    struct err e = {0};
    struct ca *ca = NULL;

    (void)state;
    t_ok(ca_load(dir, &ca, &e), &e);
    assert_int_equal(verdict(dir, ca, "scf.tencentcloudapi.com"), X509_V_OK);
    assert_int_equal(verdict(dir, ca, "b-1.cos.ap-guangzhou.myqcloud.com"), X509_V_OK);
    assert_int_equal(verdict(dir, ca, "1.cn-hangzhou.fc.aliyuncs.com"), X509_V_OK);
    assert_int_equal(verdict(dir, ca, "bank.example"), X509_V_ERR_PERMITTED_VIOLATION);
    assert_int_equal(verdict(dir, ca, "aliyuncs.com.example"), X509_V_ERR_PERMITTED_VIOLATION);
    ca_free(ca);
    tempdir_free(dir);
}

static void it_is_made_once_and_its_key_is_private(void **state)
{
    char *dir = tempdir_new(), *key = xasprintf("%s/ca-key.pem", dir);
    struct err e = {0};
    struct ca *ca = NULL;
    struct buf first, second;
    struct stat st;

    (void)state;
    t_ok(ca_load(dir, &ca, &e), &e);
    first = read_file(dir, "ca.pem");
    ca = ca_free(ca);
    t_ok(ca_load(dir, &ca, &e), &e);
    second = read_file(dir, "ca.pem");
    t_str(buf_str(&second), buf_str(&first));
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ca_free(ca);
    buf_done(&first);
    buf_done(&second);
    free(key);
    tempdir_free(dir);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    struct err e = {0};

    t_ok(io_write_file(AT_FDCWD, path, str_of(text), 0600, &e), &e);
    free(path);
}

static void what_is_no_authority_is_named(void **state)
{
    char *dir = tempdir_new(), *other = tempdir_new();
    struct err e = {0};
    struct ca *ca = NULL;
    struct buf stranger;

    (void)state;
    write_file(dir, "ca.pem", "not a certificate");
    assert_int_equal(ca_load(dir, &ca, &e), -EINVAL); /* and no key */
    t_has(e.msg, "remove ca.pem and ca-key.pem");
    write_file(dir, "ca-key.pem", "not a key");
    assert_int_equal(ca_load(dir, &ca, &e), -EINVAL);

    t_ok(ca_load(other, &ca, &e), &e);
    ca = ca_free(ca);
    stranger = read_file(other, "ca.pem");
    tempdir_free(dir);
    dir = tempdir_new();
    t_ok(ca_load(dir, &ca, &e), &e);
    ca = ca_free(ca);
    write_file(dir, "ca.pem", stranger.p); /* another's key */
    assert_int_equal(ca_load(dir, &ca, &e), -EINVAL);
    assert_null(ca);
    buf_done(&stranger);
    tempdir_free(dir);
    tempdir_free(other);
}

/* An authority of an older version of us, that knows fewer domains. */
static void one_without_all_domains_is_too_old(void **state)
{
    char *dir = tempdir_new();
    struct err e = {0};
    struct ca *ca = NULL;
    X509 *x;
    struct buf key;
    BIO *b, *out = BIO_new(BIO_s_mem());
    EVP_PKEY *pkey;
    char *pem;
    long n;

    (void)state;
    t_ok(ca_load(dir, &ca, &e), &e);
    ca = ca_free(ca);
    x = authority_of(dir);
    key = read_file(dir, "ca-key.pem");
    b = BIO_new_mem_buf(key.p, (int)key.n);
    pkey = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
    X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_name_constraints, -1)));
    assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(out, x), 1);
    n = BIO_get_mem_data(out, &pem);
    pem = xstrndup(pem, (size_t)n);
    write_file(dir, "ca.pem", pem);
    assert_int_equal(ca_load(dir, &ca, &e), -EINVAL);
    t_has(e.msg, "too old");
    free(pem);
    BIO_free(out);
    BIO_free(b);
    EVP_PKEY_free(pkey);
    X509_free(x);
    buf_done(&key);
    tempdir_free(dir);
}

static void the_bundle_has_the_users_roots_and_ours(void **state)
{
    char *dir = tempdir_new(), *own = xasprintf("%s/own.pem", dir), *bundle;
    struct err e = {0};
    struct ca *ca = NULL;
    struct buf all, ours;

    (void)state;
    t_ok(ca_load(dir, &ca, &e), &e);
    write_file(dir, "own.pem", "# my own root");
    t_ok(ca_write_bundle(ca, dir, own, &e), &e);
    all = read_file(dir, "bundle.pem");
    ours = read_file(dir, "ca.pem");
    assert_true(str_starts(buf_str(&all), S("# my own root\n")));
    assert_true(str_ends(buf_str(&all), buf_str(&ours)));
    buf_done(&all);

    /* The bundle itself, said to a shell by ourselves, is not the user's word: it would grow. */
    bundle = xasprintf("%s/bundle.pem", dir);
    t_ok(ca_write_bundle(ca, dir, bundle, &e), &e);
    all = read_file(dir, "bundle.pem");
    assert_false(str_starts(buf_str(&all), S("# my own root\n")));
    assert_true(str_ends(buf_str(&all), buf_str(&ours)));
    free(bundle);
    buf_done(&all);
    buf_done(&ours);
    ca_free(ca);
    free(own);
    tempdir_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_vouches_for_the_clouds_and_for_nobody_else),
            cmocka_unit_test(it_is_made_once_and_its_key_is_private),
            cmocka_unit_test(what_is_no_authority_is_named),
            cmocka_unit_test(one_without_all_domains_is_too_old),
            cmocka_unit_test(the_bundle_has_the_users_roots_and_ours),
    };

    return T_RUN(tests);
}
