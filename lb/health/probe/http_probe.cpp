// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/connect.hpp"
#include "lb/health/probe/http_answer.hpp"
#include "lb/health/probe/probes.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <sstream>

namespace reseat::lb {
namespace {

namespace http = boost::beast::http;

std::string request_text(const HttpCheck& check, const std::string& host) {
    http::request<http::empty_body> request;
    request.version(11);
    request.method_string(check.method);
    request.target(check.path);
    request.set(http::field::host, host);
    request.set(http::field::user_agent, "reseat");
    request.set(http::field::connection, "close");
    for (const auto& [name, value] : check.headers) request.set(name, value);
    std::ostringstream text;
    text << request;
    return std::move(text).str();
}

/// "GET /ready": what is asked for with it may be a secret.
std::string without_query(const HttpCheck& check) {
    const auto mark = check.path.find('?');
    const auto path = abbreviated(std::string_view(check.path).substr(0, mark));
    return fmt::format("{} {}{}", check.method, path, mark == std::string::npos ? "" : "?...");
}

class HttpProbe final : public Probe {
public:
    HttpProbe(HttpCheck check, const std::string& host, Dial dial)
        : check_(std::move(check)),
          dial_(std::move(dial)),
          request_(request_text(check_, host)),
          asked_(without_query(check_)) {}

    Task<ProbeResult> once(Duration timeout) override {
        Progress progress;
        auto result = co_await within(timeout, progress, attempt(progress));
        if (progress.connected) result.detail = fmt::format("{}: {}", asked_, result.detail);
        co_return result;
    }

private:
    Task<ProbeResult> attempt(Progress& progress) {
        auto opened = co_await connect(dial_, progress);
        if (auto* failure = std::get_if<ProbeResult>(&opened)) co_return std::move(*failure);
        const auto connection = std::get<std::unique_ptr<Connection>>(std::move(opened));
        if (const auto error = co_await connection->write(request_))
            co_return connection->failure(error, "while sending");
        co_return co_await read_http_answer(check_, *connection);
    }

    HttpCheck check_;
    Dial dial_;
    std::string request_;
    std::string asked_;  ///< "GET /ready", cut where it is long, without a query: that may hold a secret
};

}  // namespace

std::unique_ptr<Probe> http_probe(HttpCheck check, const std::string& host, Dial dial) {
    return std::make_unique<HttpProbe>(std::move(check), host, std::move(dial));
}

}  // namespace reseat::lb
