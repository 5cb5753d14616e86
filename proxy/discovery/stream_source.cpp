// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/stream_source.hpp"

#include "base/read_file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;
using Fault = lb::SourceRecord::Fault;
using Heard = lb::EndpointStream::Heard;

constexpr auto kFirstPause = 1s, kLongestPause = 30s;
constexpr std::size_t kMaxToken = 64 * 1024;

Fault fault_of(unsigned status) {
    if (status == 401) return Fault::unauthorized;
    if (status == 403) return Fault::forbidden;
    return status == 429 || status == 503 ? Fault::throttled : Fault::server;
}

}  // namespace

Result<std::string> bearer_of(const std::string& token_file) {
    auto token = read_file(token_file);
    if (!token) return token.error();
    while (!token->empty() && std::isspace(static_cast<unsigned char>(token->back()))) token->pop_back();
    const auto visible = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
    if (token->empty() || token->size() > kMaxToken || !std::ranges::all_of(*token, visible))
        return Error{ErrorCode::failed, token_file + ": it contains no token"};
    return "Bearer " + *token;
}

Result<std::shared_ptr<const lb::TlsContext>> tls_context_of(const std::string& ca_file,
                                                             const std::string& cert_file,
                                                             const std::string& key_file) {
    auto context = std::make_shared<lb::TlsContext>(true);
    const auto use = [](const std::string& path, auto with) -> Result<void> {
        const auto pem = read_file(path);
        if (!pem) return pem.error();
        if (const auto used = with(*pem); !used) return used.error().in(path);
        return {};
    };
    Result<void> done;
    if (ca_file.empty())
        done = context->trust_system();
    else
        done = use(ca_file, [&](const std::string& pem) { return context->trust(pem); });
    if (done && !cert_file.empty())
        done = use(cert_file, [&](const std::string& pem) { return context->present(pem); });
    if (done && !key_file.empty())
        done = use(key_file, [&](const std::string& pem) { return context->unlock(pem); });
    if (!done) return done.error();
    return std::shared_ptr<const lb::TlsContext>(std::move(context));
}

StreamSource::StreamSource(const lb::SourceRef& ref, const SourceMeans& means, Changed changed)
    : Source(to_string(ref), ref.kind, std::move(changed)),
      ref_(ref),
      url_(parse_url(ref.url)),
      prepare_(means.prepare),
      again_(means.executor) {}

void StreamSource::take(std::vector<lb::SourcedEndpoint> endpoints) {
    lb::Assignment said{.known = lb::Assignment::Known::present, .endpoints = std::move(endpoints)};
    settle(said);
    const bool changed = !said.serves_alike(said_);
    said_ = std::move(said);
    heard(changed);
}

Result<HttpServer> StreamSource::server_at(const Endpoint& endpoint) const {
    HttpServer server{.host = url_->host, .endpoint = endpoint};
    if (!url_->tls) return server;
    auto context = tls_context_of(ref_.ca_file, ref_.cert_file, ref_.key_file);
    if (!context) return context.error();
    server.tls.context = std::move(*context);
    server.tls.server_name = url_->host;
    return server;
}

bool StreamSource::on_head(const HttpHead& head) {
    head_ = head;
    text_.clear();
    fault_.clear();
    is_stream_ = head.content_type.starts_with("application/x-ndjson");
    if (head.status == 200 && is_stream_) stream_.restart();
    return head.status == 200;
}

bool StreamSource::on_piece(std::string_view piece) {
    text_ += piece;
    if (text_.size() > lb::kMaxDocument) {
        fault_ = is_stream_ ? "a line of more than 16 MiB" : "more than 16 MiB";
        return false;
    }
    return !is_stream_ || on_lines();
}

bool StreamSource::on_lines() {
    std::size_t from = 0;
    for (std::size_t end; (end = text_.find('\n', from)) != std::string::npos; from = end + 1) {
        const auto line = std::string_view(text_).substr(from, end - from);
        if (line.empty() || line == "\r") continue;
        const auto what = stream_.on_line(line);
        record_.count_event(what == Heard::changed ? "change" : "beat");
        if (what == Heard::faulty) {
            fault_ = stream_.fault();
            return false;
        }
        if (what == Heard::changed)
            take(stream_.endpoints());
        else
            heard(false);
    }
    text_.erase(0, from);
    return true;
}

void StreamSource::finish() {
    if (is_stream_) return;
    lb::Document document = lb::read_document_text(text_, lb::UnknownKeys::ignored);
    record_.count_event("document");
    text_.clear();
    if (!document.faults.empty()) {
        fault_ = fmt::format("{} {}", document.faults[0].pointer, document.faults[0].message);
        return;
    }
    etag_ = head_.etag;
    take(std::move(document.endpoints));
}

/// False: it failed, or a stream has ended.
Task<bool> StreamSource::ask() {
    if (!url_) {
        failed(Fault::failed, url_.error().message);
        co_return false;
    }
    auto resolving = resolve(url_->host, url_->port);
    const auto endpoints = co_await std::move(resolving);
    if (!endpoints) {
        failed(Fault::connect, endpoints.error().message);
        co_return false;
    }
    HttpRequest request{.target = url_->target, .patience = 24h, .silence = lb::kSilence};
    request.headers.emplace_back("Accept", "application/x-ndjson, application/json");
    if (!etag_.empty() && !is_stream_) request.headers.emplace_back("If-None-Match", etag_);
    if (!ref_.token_file.empty()) {
        const auto bearer = bearer_of(ref_.token_file);
        if (!bearer) {
            failed(Fault::unauthorized, bearer.error().message);
            co_return false;
        }
        request.headers.emplace_back("Authorization", *bearer);
    }
    HttpEnd end;
    for (const Endpoint& endpoint : *endpoints) {
        auto server = server_at(endpoint);
        if (!server) {
            failed(Fault::tls, server.error().message);
            co_return false;
        }
        head_ = {};
        HttpSink sink{.on_head = [this](const HttpHead& head) { return on_head(head); },
                      .on_piece = [this](std::string_view piece) { return on_piece(piece); }};
        auto asking = http_get(std::move(*server), request, sink, prepare_);
        end = co_await std::move(asking);
        if (head_.status != 0) break;  // the next address is for one that cannot be reached
    }
    if (head_.status == 304) {
        heard(false);
        co_return true;
    }
    if (head_.status != 0 && head_.status != 200) {
        failed(fault_of(head_.status), fmt::format("it answers {}", head_.status));
        co_return false;
    }
    if (end.failure.empty() && fault_.empty() && head_.status == 200) finish();
    if (!fault_.empty()) {
        failed(Fault::malformed, fault_);
        co_return false;
    }
    if (!end.failure.empty()) {
        failed(end.fault, end.failure);
        co_return false;
    }
    if (is_stream_) failed(Fault::connect, "the stream has ended");
    co_return !is_stream_;
}

Task<void> StreamSource::run() {
    Duration pause = kFirstPause;
    while (true) {
        const auto began = std::chrono::steady_clock::now();
        auto asking = ask();
        const bool good = co_await std::move(asking);
        if (good || std::chrono::steady_clock::now() - began > kLongestPause) pause = kFirstPause;
        Duration wait = good ? ref_.interval : pause;
        if (!good && head_.retry_after > 0)
            wait = std::clamp<Duration>(std::chrono::seconds(head_.retry_after), 1s, 60s);
        co_await again_.wait_for(wait);
        if (!good) pause = std::min<Duration>(2 * pause, kLongestPause);
    }
}

}  // namespace reseat::proxy
