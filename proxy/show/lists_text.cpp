// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/lists_text.hpp"

#include "base/text.hpp"
#include "proxy/show/terminal.hpp"

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

std::string text(const json::value& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return one_line(std::string_view(value.as_string()));
    return json::serialize(value);
}

Colour colour_of(std::string_view level) {
    if (level == "error") return Colour::bad;
    return level == "warn" ? Colour::warning : Colour::good;
}

struct Holder {
    std::string process;
    std::string protocol;

    auto operator<=>(const Holder&) const = default;
};

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

std::string event_text(const json::object& event, bool colours) {
    const std::string level = text(event.at("level"));
    std::string lines =
        fmt::format("{} {} {}\n", text(event.at("at")),
                    paint(fmt::format("{:<5}", level), colour_of(level), colours), text(event.at("message")));
    if (const auto* details = event.if_contains("details"))
        for (const auto& detail : details->as_array()) lines += "    " + text(detail) + "\n";
    return lines;
}

std::string sockets_text(const json::array& sockets, std::size_t max_width, bool colours) {
    Table table({{"PID", true},
                 {"COMM", false, true},
                 {"PROTO"},
                 {"LOCAL", false, true},
                 {"SERVICE ADDRESS", false, true},
                 {"BACKEND", false, true},
                 {"AGE", true}});
    for (const auto& socket : sockets)
        table.add({text(socket.at("pid")), text(socket.at("comm")), text(socket.at("protocol")),
                   text(socket.at("local")), text(socket.at("service_address")),
                   text(socket.at("service")) + "/" + text(socket.at("backend")),
                   human(std::chrono::milliseconds(socket.at("age_ms").to_number<std::int64_t>()))});
    return table.render(max_width, colours);
}

std::string process_of(const json::value& socket) {
    const auto &pid = socket.at("pid"), &comm = socket.at("comm");
    const std::string name = comm.is_string() ? text(comm) : "unknown process";
    return pid.is_null() ? name : fmt::format("{} (pid {})", name, json::serialize(pid));
}

std::string left_open_text(const json::array& sockets, const std::map<std::string, BackendView>& halves,
                           SystemTime now) {
    std::map<Holder, std::size_t> counts;
    for (const auto& socket : sockets) ++counts[{process_of(socket), text(socket.at("protocol"))}];
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
