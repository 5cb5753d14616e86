// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lb/health/probe/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace reseat::lb::test {
namespace {

template <class T, void (*release)(T*)>
struct Release {
    void operator()(T* object) const { release(object); }
};
using Certificate = std::unique_ptr<X509, Release<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY, EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Release<BIO, BIO_free_all>>;

std::string text_of(const Bio& bio) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

Credentials written(X509* certificate, EVP_PKEY* key) {
    const Bio first(BIO_new(BIO_s_mem())), second(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(first.get(), certificate);
    PEM_write_bio_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return {text_of(first), text_of(second)};
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    if (!extension) throw std::runtime_error("extension " + value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

Certificate make(EVP_PKEY* key, const std::string& name, int days) {
    static long serial = 0;
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
    constexpr long day = 24L * 60 * 60;
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -10 * day);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * day);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return certificate;
}

}  // namespace

Authority::Authority() {
    static unsigned count = 0;
    const Key key(EVP_EC_gen("P-256"));
    const auto certificate = make(key.get(), "reseat test authority " + std::to_string(++count), 1);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    own_ = written(certificate.get(), key.get());
}

Credentials Authority::issue(const std::string& names, int days) const {
    const Bio certificate_text(BIO_new_mem_buf(own_.certificate.data(), -1));
    const Bio key_text(BIO_new_mem_buf(own_.key.data(), -1));
    const Certificate authority(PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
    const Key authority_key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    const Key key(EVP_EC_gen("P-256"));
    const auto certificate = make(key.get(), "reseat test", days);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority.get()));
    extend(certificate.get(), authority.get(), NID_subject_alt_name, names);
    X509_sign(certificate.get(), authority_key.get(), EVP_sha256());
    return written(certificate.get(), key.get());
}

}  // namespace reseat::lb::test
