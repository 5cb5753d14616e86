// SPDX-License-Identifier: Apache-2.0
#include "lb/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <new>

namespace reseat::lb {
namespace {

struct FreeBio {
    void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

Bio reading(const std::string& text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// No passphrase is asked for: there may be no terminal.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

Certificate next_certificate(BIO* from) {
    return Certificate(PEM_read_bio_X509(from, nullptr, no_passphrase, nullptr));
}

/// True if all was read, rather than something that is no certificate met.
bool at_end() {
    const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return end;
}

Error fault(const std::string& what) {
    ERR_clear_error();
    return {ErrorCode::invalid_config, what};
}

}  // namespace

std::string take_tls_error() {
    const auto code = ERR_get_error();
    ERR_clear_error();
    const char* reason = ERR_reason_error_string(code);
    return reason ? reason : "unknown error";
}

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

TlsContext::TlsContext(bool verify)
    : native_(SSL_CTX_new(TLS_client_method())), made_from_(verify ? "verified" : "unverified") {
    if (!native_) throw std::bad_alloc();
    SSL_CTX_set_min_proto_version(native_.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(native_.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    // Each probe asks anew: that is what it is for.
    SSL_CTX_set_session_cache_mode(native_.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(native_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
}

TlsContext::~TlsContext() = default;

Result<void> TlsContext::trust(const std::string& authorities) {
    const Bio bio = reading(authorities);
    X509_STORE* store = SSL_CTX_get_cert_store(native_.get());
    unsigned count = 0;
    while (const Certificate certificate = next_certificate(bio.get())) {
        if (X509_STORE_add_cert(store, certificate.get()) != 1) return fault(take_tls_error());
        ++count;
    }
    if (!at_end()) return fault("contains a certificate that cannot be read");
    if (count == 0) return fault("contains no certificate in PEM format");
    made_from_ += "\nauthorities\n" + authorities;
    return {};
}

Result<void> TlsContext::trust_system() {
    if (SSL_CTX_set_default_verify_paths(native_.get()) != 1) return fault(take_tls_error());
    made_from_ += "\nsystem";
    return {};
}

Result<void> TlsContext::present(const std::string& certificate) {
    const Bio bio = reading(certificate);
    const Certificate own = next_certificate(bio.get());
    if (!own) return fault("contains no certificate in PEM format");
    if (SSL_CTX_use_certificate(native_.get(), own.get()) != 1) return fault(take_tls_error());
    while (const Certificate next = next_certificate(bio.get()))
        if (SSL_CTX_add1_chain_cert(native_.get(), next.get()) != 1) return fault(take_tls_error());
    if (!at_end()) return fault("contains a certificate that cannot be read");
    made_from_ += "\ncertificate\n" + certificate;
    return {};
}

Result<void> TlsContext::unlock(const std::string& key) {
    const Bio bio = reading(key);
    const Key own(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    if (!own && key.find("ENCRYPTED") != std::string::npos)
        return fault("is protected by a passphrase; store it without one");
    if (!own) return fault("contains no private key in PEM format");
    if (SSL_CTX_use_PrivateKey(native_.get(), own.get()) != 1)
        return fault("does not belong to the certificate");
    made_from_ += "\nkey\n" + key;
    return {};
}

}  // namespace reseat::lb
