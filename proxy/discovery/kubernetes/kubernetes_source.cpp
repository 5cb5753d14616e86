// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/kubernetes/kubernetes_source.hpp"

#include "base/race.hpp"
#include "base/read_file.hpp"
#include "base/run_on.hpp"
#include "proxy/discovery/stream_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;
using lb::kubernetes::ListWatch;
using lb::kubernetes::SliceList;
using Fault = lb::SourceRecord::Fault;
using std::chrono::steady_clock;

constexpr auto kTokenAge = 60s;  ///< the kubelet replaces it
constexpr auto kHeadPatience = 10s;
constexpr auto kSetUpAgain = 5s;
constexpr std::size_t kLong = 256 * 1024;  ///< what is longer is parsed beside the loop
constexpr std::size_t kMaxRefusal = 64 * 1024;

std::string trimmed(std::string text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
    return text;
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string or_else(const std::string& given, const char* name) {
    return given.empty() ? std::string(kServiceAccount) + "/" + name : given;
}

Task<Result<SliceList>> parse(std::string text) {
    co_return lb::kubernetes::read_slice_list(text);
}

}  // namespace

Result<ApiServer> api_server(const lb::KubernetesAccess& access) {
    ApiServer api{.token_file = or_else(access.token_file, "token"),
                  .ca_file = or_else(access.ca_file, "ca.crt"),
                  .cert_file = access.cert_file,
                  .key_file = access.key_file};
    std::vector<std::string> servers = access.servers;
    if (servers.empty()) {
        const std::string host = environment("KUBERNETES_SERVICE_HOST");
        const std::string port = environment("KUBERNETES_SERVICE_PORT");
        if (host.empty() || port.empty())
            return Error{ErrorCode::failed,
                         "no API server is known: this is no pod (KUBERNETES_SERVICE_HOST is not set); write "
                         "'sources: {kubernetes: {server: ...}}'"};
        const bool v6 = host.find(':') != std::string::npos;
        servers.push_back(v6 ? fmt::format("https://[{}]:{}", host, port)
                             : fmt::format("https://{}:{}", host, port));
    }
    for (const std::string& one : servers) {
        auto url = parse_url(one);
        if (!url) return url.error().in(one);
        if (!url->tls) return Error{ErrorCode::failed, one + ": is no https URL"};
        api.servers.push_back(std::move(*url));
    }
    if (const auto text = read_file(std::string(kServiceAccount) + "/namespace"))
        api.name_space = trimmed(*text);
    return api;
}

KubernetesSource::KubernetesSource(const lb::SourceRef& ref, const SourceMeans& means, std::string position,
                                   Changed changed)
    : Source(source_key(ref), ref.kind, std::move(changed)),
      means_(means),
      wanted_name_space_(ref.name_space),
      position_(std::move(position)),
      wake_up_(means.executor),
      abort_(means.executor) {}

void KubernetesSource::want(const std::set<lb::SourceRef>& refs) {
    Source::want(refs);
    std::set<std::string> services;
    for (const auto& ref : refs) services.insert(ref.service);
    services_ = services;
    if (!watch_ || !watch_->want(std::move(services), steady_clock::now())) return;
    if (asking_) abort_.notify();
    wake_up_.notify();
}

void KubernetesSource::resync() {
    if (watch_) watch_->resync(steady_clock::now());
    if (asking_) abort_.notify();
    wake_up_.notify();
}

lb::Assignment KubernetesSource::assignment(const lb::SourceRef& ref) const {
    lb::Assignment said;
    if (watch_ && watch_->synced()) {
        said = watch_->store().assignment(ref.service, ref.port, ref.protocol);
        said.position = watch_->version();
    }
    return with_record(std::move(said));
}

/// False: it is not known whom to ask.
Task<bool> KubernetesSource::set_up() {
    auto api = api_server(means_.kubernetes);
    std::string name_space = wanted_name_space_;
    std::string why = api ? "" : api.error().message;
    if (api && name_space.empty()) {
        name_space = api->name_space;
        if (name_space.empty()) why = "the namespace is not known: write NAMESPACE/NAME";
    }
    if (!why.empty()) {
        failed(Fault::failed, why);
        co_await wake_up_.wait_for(kSetUpAgain);
        co_return false;
    }
    api_ = std::move(*api);
    const double random = std::uniform_real_distribution(0.0, 1.0)(random_);
    watch_.emplace(ListWatch::Settings{name_space, services_, means_.advice}, position_, steady_clock::now(),
                   random);
    co_return true;
}

Result<void> KubernetesSource::read_credentials(bool fresh_token) {
    const auto now = steady_clock::now();
    if (fresh_token || bearer_.empty() || now - token_read_at_ > kTokenAge) {
        bearer_.clear();
        token_read_at_ = now;
        const bool optional = !api_->cert_file.empty() && means_.kubernetes.token_file.empty();
        if (auto bearer = bearer_of(api_->token_file); bearer)
            bearer_ = std::move(*bearer);
        else if (!optional && !means_.kubernetes.token_file.empty())
            return bearer.error();
        // Without one the server says what is missing, and so do we: 403 for system:anonymous.
    }
    std::string certificates;
    for (const std::string& path : {api_->ca_file, api_->cert_file, api_->key_file})
        if (const auto text = path.empty() ? Result<std::string>("") : read_file(path))
            certificates += *text + "\n";
    if (tls_ && certificates == certificates_) return {};
    auto context = tls_context_of(api_->ca_file, api_->cert_file, api_->key_file);
    if (!context) return context.error();
    tls_ = std::move(*context);
    certificates_ = std::move(certificates);
    return {};
}

bool KubernetesSource::on_head(const HttpHead& head, TimePoint) {
    text_.clear();
    too_long_ = false;
    answer_ = watch_->on_head({.status = head.status, .retry_after = head.retry_after});
    if (answer_ == ListWatch::Answer::watch) heard(false);
    return true;
}

bool KubernetesSource::on_piece(std::string_view piece) {
    text_ += piece;
    if (answer_ == ListWatch::Answer::refused) return text_.size() < kMaxRefusal;
    if (answer_ == ListWatch::Answer::list) {
        too_long_ = text_.size() > lb::kubernetes::kMaxList;
        return !too_long_;
    }
    std::set<std::string> changed;
    std::size_t from = 0;
    bool go_on = true;
    for (std::size_t end; go_on && (end = text_.find('\n', from)) != std::string::npos; from = end + 1)
        go_on = watch_->on_line(std::string_view(text_).substr(from, end - from), changed);
    text_.erase(0, from);
    if (go_on && text_.size() > lb::kubernetes::kMaxLine) go_on = watch_->on_line(text_, changed);
    if (watch_->error().empty()) record_.on_heard(std::chrono::system_clock::now());
    note(std::move(changed));
    return go_on;
}

void KubernetesSource::note(std::set<std::string> changed) {
    for (const std::string& type : watch_->take_events()) record_.count_event(type);
    record_.set_version(watch_->version());
    if (changed.empty()) return;
    record_.on_change(std::chrono::system_clock::now());
    tell();
}

Task<void> KubernetesSource::finish_list() {
    Result<SliceList> list = Error{ErrorCode::failed, "a list of more than 64 MiB"};
    if (!too_long_) {
        if (text_.size() > kLong) {
            auto parsing = run_on(*means_.aside, parse(std::move(text_)));
            list = co_await std::move(parsing);
        } else {
            list = lb::kubernetes::read_slice_list(text_);
        }
    }
    text_.clear();
    text_.shrink_to_fit();
    auto changed = watch_->on_list(std::move(list), steady_clock::now());
    if (watch_->error().empty() && watch_->synced()) heard(false);
    note(std::move(changed));
}

Task<void> KubernetesSource::ask(const ListWatch::Request& request) {
    const auto random = [this] { return std::uniform_real_distribution(0.0, 1.0)(random_); };
    const auto fail = [&](Fault fault, const std::string& why) {
        watch_->on_end(why, fault, steady_clock::now(), random());
        failed(watch_->fault(), watch_->error().empty() ? why : watch_->error());
        server_ = (server_ + 1) % api_->servers.size();
    };
    if (const auto ready = read_credentials(request.fresh_token); !ready)
        co_return fail(Fault::unauthorized, ready.error().message);
    const Url& url = api_->servers[server_];
    auto resolving = resolve(url.host, url.port);
    const auto endpoints = co_await std::move(resolving);
    if (!endpoints) co_return fail(Fault::connect, endpoints.error().message);
    HttpServer server{.host = url.host, .endpoint = endpoints->front()};
    server.tls.context = tls_;
    server.tls.server_name = url.host;
    HttpRequest get{.target = request.target, .head_patience = kHeadPatience, .patience = request.patience};
    get.headers.emplace_back("Accept", "application/json");
    if (!bearer_.empty()) get.headers.emplace_back("Authorization", bearer_);
    bool has_head = false;
    HttpSink sink{.on_head =
                      [&](const HttpHead& head) {
                          has_head = true;
                          return on_head(head, steady_clock::now());
                      },
                  .on_piece = [this](std::string_view piece) { return on_piece(piece); }};
    auto asking = http_get(server, get, sink, means_.prepare);
    const HttpEnd end = co_await std::move(asking);
    if (end.fault == Fault::tls && !end.failure.empty()) tls_.reset();  // its files may have changed
    const bool is_list = has_head && answer_ == ListWatch::Answer::list;
    const bool cut = end.out_of_patience && !request.is_watch;
    const std::string why = cut ? "no whole answer in time" : end.failure;
    if (has_head && answer_ == ListWatch::Answer::refused) watch_->on_refusal(text_);
    if (is_list && why.empty()) {
        auto finishing = finish_list();
        co_await std::move(finishing);
    }
    text_.clear();
    watch_->on_end(why, end.fault, steady_clock::now(), random());
    for (const std::string& reason : watch_->take_relists()) record_.count_relist(reason);
    if (watch_->take_repaired()) record_.note_repair();
    if (!watch_->error().empty()) {
        failed(watch_->fault(), watch_->error());
        server_ = (server_ + 1) % api_->servers.size();
    }
}

Task<void> KubernetesSource::follow() {
    co_await wake_up_.wait_until(watch_->due());
    if (steady_clock::now() < watch_->due()) co_return;
    const double random = std::uniform_real_distribution(0.0, 1.0)(random_);
    const auto request = watch_->take_request(steady_clock::now(), random);
    const auto once = [this](ListWatch::Request what) -> Task<bool> {
        auto asking = ask(what);
        co_await std::move(asking);
        co_return true;
    };
    const auto aborted = [this]() -> Task<void> { co_await abort_.wait(); };
    asking_ = true;
    auto racing = unless(aborted(), once(request));
    const auto done = co_await std::move(racing);
    asking_ = false;
    if (!done) watch_->on_end("", Fault::connect, steady_clock::now(), random);
}

Task<void> KubernetesSource::run() {
    while (!watch_) {
        auto setting_up = set_up();
        co_await std::move(setting_up);
    }
    while (true) {
        auto following = follow();
        co_await std::move(following);
    }
}

}  // namespace reseat::proxy
