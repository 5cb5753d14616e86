// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/tls_connection.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>
#include <new>

namespace reseat::lb {
namespace {

/// A handshake and an answer of kMaxAnswer fit, whatever the size of its records.
constexpr std::size_t kMaxWire = 4 * kMaxAnswer;
constexpr std::size_t kPiece = 4096;
constexpr unsigned char kH2[] = {2, 'h', '2'};

/// Stands for why_: OpenSSL's reasons do not fit into a number.
error_code protocol_error() {
    return {EPROTO, boost::system::system_category()};
}

/// The name in the certificate and in SNI, which must not be an address (RFC 6066, 3).
void expect_peer(SSL* tls, const Dial& dial) {
    const std::string& name = dial.tls.server_name;
    if (name.empty() || parse_address(name)) {
        const auto text = name.empty() ? to_string(dial.endpoint.address) : name;
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), text.c_str());
    } else {
        SSL_set_tlsext_host_name(tls, name.c_str());
        SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        SSL_set1_host(tls, name.c_str());
    }
}

std::string expected_peer(const SSL* tls) {
    const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    return name ? fmt::format(", expected {}", name) : "";
}

}  // namespace

void TlsConnection::Free::operator()(ssl_st* tls) const {
    SSL_free(tls);
}

TlsConnection::TlsConnection(std::unique_ptr<Connection> below, const Dial& dial, Progress& progress)
    : below_(std::move(below)),
      progress_(progress),
      endless_(dial.endless),
      tls_(SSL_new(dial.tls.context->native())) {
    arrived_ = BIO_new(BIO_s_mem());
    leaving_ = BIO_new(BIO_s_mem());
    if (!tls_ || !arrived_ || !leaving_) {
        BIO_free(arrived_);
        BIO_free(leaving_);
        throw std::bad_alloc();
    }
    SSL_set_bio(tls_.get(), arrived_, leaving_);
    expect_peer(tls_.get(), dial);
    if (dial.h2) SSL_set_alpn_protos(tls_.get(), kH2, sizeof kH2);
}

TlsConnection::~TlsConnection() = default;

Task<error_code> TlsConnection::shake_hands() {
    SSL* tls = tls_.get();
    const auto error = co_await run([tls] { return SSL_connect(tls); });
    if (error) co_return error;
    shaken_ = true;
    progress_.received = 0;
    co_return error_code();
}

bool TlsConnection::speaks_h2() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(tls_.get(), &name, &length);
    return std::string_view(reinterpret_cast<const char*>(name), length) == "h2";
}

Task<Connection::Read> TlsConnection::read_some(std::span<char> into) {
    std::size_t size = 0;
    SSL* tls = tls_.get();
    const auto error =
        co_await run([&size, tls, into] { return SSL_read_ex(tls, into.data(), into.size(), &size); });
    progress_.received += size;
    co_return Read{error, size};
}

Task<error_code> TlsConnection::write(std::string_view all) {
    SSL* tls = tls_.get();
    while (!all.empty()) {
        std::size_t taken = 0;
        const auto error =
            co_await run([&taken, tls, all] { return SSL_write_ex(tls, all.data(), all.size(), &taken); });
        if (error) co_return error;
        all.remove_prefix(taken);
    }
    co_return error_code();
}

/// Repeats `step`, which returns 1 when it is done, until it is or can never be.
template <class Step>
Task<error_code> TlsConnection::run(Step step) {
    while (true) {
        ERR_clear_error();
        const int done = step();
        const int reason = done == 1 ? SSL_ERROR_NONE : SSL_get_error(tls_.get(), done);
        // Even a failure may leave an alert that gives the peer the reason.
        const auto unsent = co_await flush();
        if (reason == SSL_ERROR_NONE) co_return unsent;
        if (reason != SSL_ERROR_WANT_READ) co_return refuse(reason);
        if (unsent) co_return unsent;
        if (const auto error = co_await fetch()) co_return error;
    }
}

Task<error_code> TlsConnection::flush() {
    std::array<char, kPiece> piece;
    for (int size = 0; (size = BIO_read(leaving_, piece.data(), kPiece)) > 0;)
        if (const auto error = co_await below_->write({piece.data(), static_cast<std::size_t>(size)}))
            co_return error;
    co_return error_code();
}

Task<error_code> TlsConnection::fetch() {
    std::array<char, kPiece> piece;
    const auto [error, size] = co_await below_->read_some(piece);
    if (error) co_return error;
    if (shaken_) progress_.received -= size;  // session tickets and the like are no answer
    read_ += size;
    if (read_ > kMaxWire && !(endless_ && shaken_)) {
        why_ = fmt::format("TLS: more than {} KiB without an answer", kMaxWire / 1024);
        co_return protocol_error();
    }
    BIO_write(arrived_, piece.data(), static_cast<int>(size));
    co_return error_code();
}

error_code TlsConnection::refuse(int reason) {
    if (reason == SSL_ERROR_ZERO_RETURN) return asio::error::eof;
    const long verdict = SSL_get_verify_result(tls_.get());
    const auto words = take_tls_error();
    const bool verifies = SSL_get_verify_mode(tls_.get()) != SSL_VERIFY_NONE;
    why_ = verifies && verdict != X509_V_OK
               ? fmt::format("TLS: the certificate is not accepted: {}{}",
                             X509_verify_cert_error_string(verdict),
                             verdict == X509_V_ERR_HOSTNAME_MISMATCH ? expected_peer(tls_.get()) : "")
               : fmt::format("TLS: {}", words);
    return protocol_error();
}

ProbeResult TlsConnection::failure(const error_code& error, std::string_view what) const {
    if (error == protocol_error() && !why_.empty()) return {ProbeOutcome::answered_badly, why_};
    return below_->failure(error, what);
}

}  // namespace reseat::lb
