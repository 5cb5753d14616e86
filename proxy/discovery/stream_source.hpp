// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "lb/discovery/endpoint_stream.hpp"
#include "proxy/discovery/http_get.hpp"
#include "proxy/discovery/source.hpp"

namespace reseat::proxy {

/// Endpoints that a server gives: lines that go on, or a document that is asked for each `interval`, as its
/// Content-Type says. Asked again after 1, 2, 4 ... 30 s where that fails.
class StreamSource final : public Source {
public:
    StreamSource(const lb::SourceRef& ref, const SourceMeans& means, Changed changed);

    Task<void> run() override;
    void resync() override { again_.notify(); }
    lb::Assignment assignment(const lb::SourceRef&) const override { return with_record(said_); }

private:
    Task<bool> ask();
    Result<HttpServer> server_at(const Endpoint& endpoint) const;
    bool on_head(const HttpHead& head);
    bool on_piece(std::string_view piece);
    bool on_lines();
    void finish();
    void take(std::vector<lb::SourcedEndpoint> endpoints);

    lb::SourceRef ref_;
    Result<Url> url_;
    lb::SocketPreparer prepare_;
    WakeUp again_;
    lb::EndpointStream stream_;
    lb::Assignment said_;
    HttpHead head_;
    std::string text_;   ///< what is not read of the answer
    std::string fault_;  ///< of the answer
    std::string etag_;
    bool is_stream_ = false;
};

/// What is sent with a request: "Bearer ..." of the file's content. Error: it cannot be read, or is no token.
Result<std::string> bearer_of(const std::string& token_file);

/// What a client trusts and shows, from these files; `ca_file` empty: as this machine trusts.
Result<std::shared_ptr<const lb::TlsContext>> tls_context_of(const std::string& ca_file,
                                                             const std::string& cert_file,
                                                             const std::string& key_file);

}  // namespace reseat::proxy
