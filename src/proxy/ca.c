/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca.c - an authority that can vouch for the clouds' names only.
 *
 * Whoever holds its key could pose as a server to everybody who trusts it, so it is worth little by
 * construction: its certificate permits the domains of fn/vendor.h (RFC 5280 section 4.2.1.10,
 * critical), it may sign no other authority, and nothing installs it anywhere; the variables of
 * `evoke proxy-env` show it to one shell. Server certificates are made per connection, a tenth of a
 * millisecond each, with one key per process; nothing of them is kept.
 *
 * P-256 throughout: every client of the last ten years takes it, and it is made at once.
 */
#include "proxy/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "fn/vendor.h"

enum {
    DAY_S = 24 * 60 * 60,
    CA_DAYS = 3650,
    LEAF_DAYS = 2,
    PEM_MAX = 64 << 10,
    BUNDLE_MAX = 8 << 20,
    SAN_MAX = 300,
};

struct ca {
    X509 *cert;
    EVP_PKEY *key;
    EVP_PKEY *leaf; /* of every server certificate */
};

static void x509_freep(X509 **x)
{
    X509_free(*x);
}

static void bio_freep(BIO **b)
{
    BIO_free(*b);
}

static void ctx_freep(SSL_CTX **c)
{
    SSL_CTX_free(*c);
}

struct ca *ca_free(struct ca *ca)
{
    if (!ca)
        return NULL;
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
    EVP_PKEY_free(ca->leaf);
    free(ca);
    return NULL;
}

void ca_freep(struct ca **ca)
{
    *ca = ca_free(*ca);
}

/* ---- certificates ---- */

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX cx;
    X509_EXTENSION *ext;
    int ok;

    X509V3_set_ctx_nodb(&cx);
    X509V3_set_ctx(&cx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_nconf_nid(NULL, &cx, nid, value);
    ok = ext ? X509_add_ext(x, ext, -1) : 0;
    X509_EXTENSION_free(ext);
    return ok == 1;
}

static bool set_serial(X509 *x)
{
    uint8_t bytes[16];
    BIGNUM *n;
    bool ok;

    random_bytes(bytes, sizeof(bytes));
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, of full length */
    n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return ok;
}

/* Without extensions and signature. NULL: OpenSSL has no memory left. */
static X509 *new_certificate(const char *name, EVP_PKEY *public_key, long days)
{
    X509 *x = X509_new();
    X509_NAME *subject;

    if (!x)
        return NULL;
    subject = X509_get_subject_name(x);
    if (X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) ||
        !X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) ||
        !X509_gmtime_adj(X509_getm_notAfter(x), days * DAY_S) ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                   -1, 0) != 1 ||
        X509_set_pubkey(x, public_key) != 1) {
        X509_free(x);
        return NULL;
    }
    return x;
}

/* "critical,permitted;DNS:aliyuncs.com,permitted;DNS:..." */
static void put_constraints(struct buf *out)
{
    struct str domain;

    buf_addz(out, "critical");
    for (size_t i = 0; (domain = vendor_domain(i)).n > 0; i++)
        buf_addf(out, ",permitted;DNS:%.*s", STR_ARG(domain));
}

static X509 *new_authority(EVP_PKEY *key)
{
    cleanup_with(x509_freep) X509 *x = new_certificate("evoke proxy of this machine", key, CA_DAYS);
    cleanup_with(buf_done) struct buf names;

    buf_init(&names, PEM_MAX);
    put_constraints(&names);
    if (!x || X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 ||
        !add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(x, x, NID_subject_key_identifier, "hash") ||
        !add_extension(x, x, NID_name_constraints, names.p) || X509_sign(x, key, EVP_sha256()) == 0)
        return NULL;
    return TAKE_PTR(x);
}

/* host: characters of a name only (proxy/head.h), so it cannot end its place in the text. */
static X509 *new_leaf(const struct ca *ca, struct str host)
{
    cleanup_with(x509_freep) X509 *x = new_certificate("evoke proxy", ca->leaf, LEAF_DAYS);
    cleanup_with(buf_done) struct buf san;

    buf_init(&san, SAN_MAX);
    buf_addf(&san, "DNS:%.*s", STR_ARG(host));
    if (!x || !buf_ok(&san) || X509_set_issuer_name(x, X509_get_subject_name(ca->cert)) != 1 ||
        !add_extension(x, ca->cert, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(x, ca->cert, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(x, ca->cert, NID_ext_key_usage, "serverAuth") ||
        !add_extension(x, ca->cert, NID_subject_key_identifier, "hash") ||
        !add_extension(x, ca->cert, NID_authority_key_identifier, "keyid:always") ||
        !add_extension(x, ca->cert, NID_subject_alt_name, san.p) ||
        X509_sign(x, ca->key, EVP_sha256()) == 0)
        return NULL;
    return TAKE_PTR(x);
}

int ca_context(const struct ca *ca, struct str host, SSL_CTX **ret, struct err *e)
{
    cleanup_with(x509_freep) X509 *leaf = new_leaf(ca, host);
    cleanup_with(ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!leaf || !ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, ca->leaf) != 1)
        return err_set(e, ERR_HOST, -EIO, "no certificate could be made for '%.*s'", STR_ARG(host));
    (void)SSL_CTX_set_mode(ctx,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF); /* many just close */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    *ret = TAKE_PTR(ctx);
    return 0;
}

/* ---- on disk ---- */

static int read_pem(int dir, const char *name, struct buf *out, struct err *e)
{
    buf_init(out, PEM_MAX);
    return io_read_file(dir, name, out, e);
}

static int parse(struct str cert, struct str key, struct ca *ca)
{
    cleanup_with(bio_freep) BIO *c = BIO_new_mem_buf(cert.p, (int)cert.n);
    cleanup_with(bio_freep) BIO *k = BIO_new_mem_buf(key.p, (int)key.n);

    ca->cert = c ? PEM_read_bio_X509(c, NULL, NULL, NULL) : NULL;
    ca->key = k ? PEM_read_bio_PrivateKey(k, NULL, NULL, NULL) : NULL;
    return ca->cert && ca->key && X509_check_private_key(ca->cert, ca->key) == 1 ? 0 : -EINVAL;
}

static bool knows_all_domains(X509 *cert)
{
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(cert, NID_name_constraints, NULL, NULL);
    int permitted = nc ? sk_GENERAL_SUBTREE_num(nc->permittedSubtrees) : 0;
    size_t known = 0;

    for (; vendor_domain(known).n > 0; known++) {
        bool found = false;

        for (int i = 0; i < permitted && !found; i++) {
            const GENERAL_NAME *name = sk_GENERAL_SUBTREE_value(nc->permittedSubtrees, i)->base;
            const ASN1_IA5STRING *text = name->type == GEN_DNS ? name->d.dNSName : NULL;

            found = text && str_eq(vendor_domain(known),
                                   (struct str){(const char *)ASN1_STRING_get0_data(text),
                                                (size_t)ASN1_STRING_length(text)});
        }
        if (!found)
            break;
    }
    NAME_CONSTRAINTS_free(nc);
    return vendor_domain(known).n == 0;
}

/* -ENOENT: there is none. */
static int read_authority(int dir, const char *path, struct ca *ca, struct err *e)
{
    cleanup_with(buf_done) struct buf cert, key;
    struct err missing = {0};
    int r = read_pem(dir, "ca.pem", &cert, &missing),
        s = read_pem(dir, "ca-key.pem", &key, &missing);

    if (r == -ENOENT && s == -ENOENT)
        return -ENOENT;
    if (r == 0 && s == 0)
        r = parse(buf_str(&cert), buf_str(&key), ca);
    explicit_bzero(key.p, key.n);
    if (r < 0 || s < 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.128s' holds no certificate authority: remove ca.pem and ca-key.pem, and "
                       "another is made",
                       path);
    if (X509_cmp_current_time(X509_get0_notAfter(ca->cert)) <= 0 || !knows_all_domains(ca->cert))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the certificate authority in '%.128s' is too old: remove ca.pem and "
                       "ca-key.pem, and another is made",
                       path);
    return 0;
}

static int write_pem(int dir, const char *name, mode_t mode, BIO *b, struct err *e)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(b, &bytes);

    return io_write_file(dir, name, (struct str){bytes, n > 0 ? (size_t)n : 0}, mode, e);
}

/* The key first: what has a certificate is complete. */
static int make_authority(int dir, struct ca *ca, struct err *e)
{
    cleanup_with(bio_freep) BIO *cert = BIO_new(BIO_s_mem());
    cleanup_with(bio_freep) BIO *key = BIO_new(BIO_s_secmem());
    int r;

    ca->key = EVP_EC_gen("P-256");
    ca->cert = ca->key ? new_authority(ca->key) : NULL;
    if (!ca->cert || !cert || !key || PEM_write_bio_X509(cert, ca->cert) != 1 ||
        PEM_write_bio_PrivateKey(key, ca->key, NULL, NULL, 0, NULL, NULL) != 1)
        return err_set(e, ERR_HOST, -EIO, "no certificate authority could be made");
    r = write_pem(dir, "ca-key.pem", 0600, key, e);
    return r < 0 ? r : write_pem(dir, "ca.pem", 0644, cert, e);
}

int ca_load(const char *dir, struct ca **ret, struct err *e)
{
    cleanup_with(ca_freep) struct ca *ca = NULL;
    cleanup_close int fd = -EBADF;
    int r = io_mkdir_p(dir, 0700, e);

    if (r < 0)
        return r;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0) /* two of us may start at the same moment */
        return err_sys(e, "open '%.128s'", dir);
    ca = xnew(struct ca);
    r = read_authority(fd, dir, ca, e);
    if (r == -ENOENT)
        r = make_authority(fd, ca, e);
    if (r < 0)
        return r;
    ca->leaf = EVP_EC_gen("P-256");
    if (!ca->leaf)
        return err_set(e, ERR_HOST, -EIO, "no key could be made");
    *ret = TAKE_PTR(ca);
    return 0;
}

/* ---- for programs that take one file ---- */

static int add_roots(const char *own, struct buf *out, struct err *e)
{
    const char *const places[] = {
            own,
            X509_get_default_cert_file(),
            "/etc/ssl/certs/ca-certificates.crt",     /* Debian, Alpine, Arch */
            "/etc/pki/tls/certs/ca-bundle.crt",       /* Fedora, openEuler */
            "/var/lib/ca-certificates/ca-bundle.pem", /* openSUSE */
    };

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int r = places[i] ? io_read_file(AT_FDCWD, places[i], out, e) : -ENOENT;

        if (r != -ENOENT)
            return r < 0 ? err_wrap(e, r, "roots") : 0;
    }
    return 0; /* a machine without roots trusts nobody, and then us */
}

int ca_write_bundle(const struct ca *ca, const char *dir, const char *own, struct err *e)
{
    cleanup_with(bio_freep) BIO *cert = BIO_new(BIO_s_mem());
    cleanup_free char *path = xasprintf("%s/bundle.pem", dir);
    cleanup_with(buf_done) struct buf all;
    char *bytes = NULL;
    long n;
    int r;

    buf_init(&all, BUNDLE_MAX);
    r = add_roots(own && strcmp(own, path) != 0 ? own : NULL, &all, e);
    if (r < 0)
        return r;
    if (!cert || PEM_write_bio_X509(cert, ca->cert) != 1)
        return err_set(e, ERR_HOST, -EIO, "the certificate could not be written");
    n = BIO_get_mem_data(cert, &bytes);
    buf_addc(&all, '\n');
    buf_add(&all, bytes, n > 0 ? (size_t)n : 0);
    if (!buf_ok(&all))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the roots of this machine are above 8 MiB");
    return io_write_file(AT_FDCWD, path, buf_str(&all), 0644, e);
}
