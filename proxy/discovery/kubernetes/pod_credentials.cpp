// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/kubernetes/pod_credentials.hpp"

#include "base/read_file.hpp"
#include "base/text.hpp"
#include "proxy/discovery/stream_source.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

namespace reseat::proxy {
namespace {

using SystemTime = std::chrono::system_clock::time_point;

constexpr const char* kMount =
    "mount a projected volume with serviceAccountToken and kube-root-ca.crt into the container of reseat, as "
    "docs/kubernetes.md says";

/// base64url without padding (RFC 7515, 2).
std::optional<std::string> decoded(std::string_view text) {
    std::string bytes;
    unsigned bits = 0, count = 0;
    for (const char c : text) {
        constexpr std::string_view digits =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const auto digit = digits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count & 0xff);
    }
    return bytes;
}

PodCredential look_at_token(const std::string& path, SystemTime now) {
    PodCredential token{.name = "kubernetes: token", .remedy = kMount};
    const auto bearer = bearer_of(path);
    if (!bearer) {
        token.seen = bearer.error().message;
        return token;
    }
    const auto expiry = expiry_of(std::string_view(*bearer).substr(std::string_view("Bearer ").size()));
    token.good = !expiry || *expiry > now;
    token.seen = !expiry      ? "there, without an end"
                 : token.good ? fmt::format("there, good for {}", human(*expiry - now))
                              : fmt::format("expired {} ago", human(now - *expiry));
    if (token.good) token.remedy.clear();
    return token;
}

PodCredential look_at_authority(const std::string& path) {
    PodCredential authority{.name = "kubernetes: CA", .remedy = kMount};
    const auto context = tls_context_of(path, "", "");
    authority.good = context.has_value();
    authority.seen = context ? "there" : context.error().message;
    if (authority.good) authority.remedy.clear();
    return authority;
}

}  // namespace

std::optional<SystemTime> expiry_of(std::string_view token) {
    const auto parts = split(token, '.');
    if (parts.size() != 3) return std::nullopt;
    const auto payload = decoded(parts[1]);
    if (!payload) return std::nullopt;
    boost::system::error_code error;
    const auto claims = boost::json::parse(*payload, error);
    const auto* object = error ? nullptr : claims.if_object();
    const auto* end = object ? object->if_contains("exp") : nullptr;
    if (!end || !end->is_int64() || end->as_int64() < 0 || end->as_int64() > 253'402'300'799)
        return std::nullopt;
    return SystemTime{} + std::chrono::seconds(end->as_int64());
}

std::vector<PodCredential> look_at_pod(const std::string& directory, SystemTime now) {
    const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
    std::error_code ignored;
    if (!host && !std::filesystem::exists(directory, ignored)) return {};
    PodCredential server{.name = "kubernetes: API server",
                         .good = host != nullptr,
                         .seen = host ? host : "KUBERNETES_SERVICE_HOST is not set"};
    if (!host) server.remedy = "write 'sources: {kubernetes: {server: ...}}'";
    return {server, look_at_token(directory + "/token", now), look_at_authority(directory + "/ca.crt")};
}

}  // namespace reseat::proxy
