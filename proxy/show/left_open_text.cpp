// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/left_open_text.hpp"

#include "base/text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <vector>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostProcesses = 10;

struct Holder {
    std::string process;
    std::string protocol;

    auto operator<=>(const Holder&) const = default;
};

Holder holder(const json::value& socket) {
    const auto& pid = socket.at("pid");
    const auto& comm = socket.at("comm");
    const std::string name =
        comm.is_string() ? one_line(std::string_view(comm.as_string())) : "unknown process";
    return {pid.is_null() ? name : fmt::format("{} (pid {})", name, json::serialize(pid)),
            std::string(socket.at("protocol").as_string())};
}

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
    return text;
}

std::string fate(const BackendView& backend, SystemTime now) {
    if (backend.stuck) return "could not be terminated yet, tried again";
    if (backend.waiting) return "to be terminated as soon as another backend is eligible";
    if (!backend.sockets_end_at) return "open until the process closes them";
    if (*backend.sockets_end_at <= now) return "being terminated";
    return fmt::format("terminated in {} unless closed before", human(*backend.sockets_end_at - now));
}

}  // namespace

std::string left_open_text(const json::array& sockets, const std::map<std::string, BackendView>& halves,
                           SystemTime now) {
    std::map<Holder, std::size_t> counts;
    for (const auto& socket : sockets) ++counts[holder(socket)];
    std::vector<std::pair<Holder, std::size_t>> most(counts.begin(), counts.end());
    std::ranges::stable_sort(most, std::greater(), [](const auto& entry) { return entry.second; });
    const std::size_t shown = std::min(most.size(), kMostProcesses);
    std::string lines;
    for (std::size_t i = 0; i < shown; ++i) {
        const auto& [who, count] = most[i];
        const auto half = halves.find(who.protocol);
        lines += fmt::format("  {}: {}, {}\n", who.process, counted(count, upper(who.protocol) + " socket"),
                             half == halves.end() ? "its backend is gone" : fate(half->second, now));
    }
    if (const std::size_t more = most.size() - shown)
        lines += fmt::format("  and {} more process{}\n", more, more == 1 ? "" : "es");
    return lines;
}

}  // namespace reseat::proxy
