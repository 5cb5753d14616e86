// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lb/health/probe/tls_server.hpp"

#include <boost/asio/ssl/impl/src.hpp>

namespace reseat::lb::test {
namespace {

int choose_h2(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
              unsigned size, void*) {
    static const unsigned char h2[] = {2, 'h', '2'};
    const int found =
        SSL_select_next_proto(const_cast<unsigned char**>(out), length, h2, sizeof h2, offered, size);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TlsServer::TlsServer(asio::io_context& io, const Settings& settings, Serve serve)
    : serve_(std::move(serve)),
      server_(io, [this](tcp::socket socket) { return serve_one(std::move(socket)); }) {
    context_.use_certificate_chain(asio::buffer(settings.own.certificate));
    context_.use_private_key(asio::buffer(settings.own.key), asio::ssl::context::pem);
    if (!settings.clients_authority.empty()) {
        context_.add_certificate_authority(asio::buffer(settings.clients_authority));
        context_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    if (settings.offers_h2) SSL_CTX_set_alpn_select_cb(context_.native_handle(), choose_h2, nullptr);
}

Task<void> TlsServer::serve_one(tcp::socket socket) {
    TlsStream stream(std::move(socket), context_);
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, as_result);
    const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    asked_for_ = name ? name : "";
    ++handshakes_;
    if (!error) co_await serve_(stream);
}

TlsServer::Serve answer_with(std::string answer) {
    return [answer = std::move(answer)](TlsStream& stream) -> Task<void> {
        std::string request;
        co_await asio::async_read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", as_result);
        co_await asio::async_write(stream, asio::buffer(answer), as_result);
        co_await stream.async_shutdown(as_result);
    };
}

}  // namespace reseat::lb::test
