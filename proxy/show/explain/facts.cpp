// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/explain/facts.hpp"

#include "base/text.hpp"
#include "proxy/show/lists_text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostHolders = 5;
constexpr auto kSlack = std::chrono::seconds(2);  ///< times come to the second

}  // namespace

bool is_about(const json::object& event, const ServiceView& service) {
    const auto* protocol = event.if_contains("protocol");
    return protocol == nullptr || protocol->is_null() || *protocol == service.protocol.c_str();
}

std::optional<std::string> setting(const Facts& facts, std::string_view path) {
    const json::object* map = &facts.settings;
    const auto keys = split(path, '.');
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto* value = map->if_contains(keys[i]);
        if (value == nullptr || value->is_null()) return std::nullopt;
        if (i + 1 == keys.size())
            return value->is_string() ? one_line(std::string_view(value->as_string()))
                                      : json::serialize(*value);
        if (!value->is_object()) return std::nullopt;
        map = &value->as_object();
    }
    return std::nullopt;
}

std::optional<Moved> moved_since(const Facts& facts, const BackendView& backend) {
    std::optional<Moved> sum;
    for (const auto& event : facts.events) {
        const auto& report = event.at("report");
        if (event.at("backend") != backend.name.c_str() || !report.is_object() || !backend.since) continue;
        const auto at = parse_iso8601(std::string(event.at("at").as_string()));
        if (!at || *at + kSlack < *backend.since) continue;
        if (!sum) sum = Moved{};
        sum->terminated += report.at("terminated").to_number<std::uint64_t>();
        sum->repointed += report.at("repointed").to_number<std::uint64_t>();
        sum->failed = report.at("failed").to_number<std::uint64_t>();
    }
    return sum;
}

std::string holders(const Facts& facts, const std::string& backend) {
    const auto found = facts.sockets.find(backend);
    if (found == facts.sockets.end()) return "";
    std::map<std::string, std::size_t> counts;
    for (const auto& socket : found->second) ++counts[process_of(socket)];
    std::string text;
    std::size_t named = 0;
    for (const auto& [who, count] : counts) {
        if (++named > kMostHolders) return text + fmt::format(" and {} more", counts.size() - kMostHolders);
        text += (text.empty() ? "" : ", ") + (count > 1 ? fmt::format("{} x {}", count, who) : who);
    }
    return text;
}

bool has_alternative(const ServiceView& service, const BackendView& backend) {
    return std::ranges::any_of(service.backends, [&](const BackendView& other) {
        return other.name != backend.name && other.state == "up" && other.serves() &&
               is_v6(other) == is_v6(backend);
    });
}

}  // namespace reseat::proxy
