// SPDX-License-Identifier: Apache-2.0
#include "proxy/demo/demo_report.hpp"

#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

/// A TCP client must have been told; a UDP client must not have had to know.
bool failed_over(const ClientOutcome& outcome) {
    return outcome.noticed && outcome.back && outcome.told.has_value() == is_tcp(outcome.kind);
}

std::string_view how(ClientKind kind) {
    if (is_tcp(kind)) return "reconnected";
    return kind == ClientKind::connected_udp ? "re-pointed" : "next datagram";
}

std::string ms(const std::optional<Milliseconds>& time) {
    return time ? fmt::format("{:.0f}", time->count()) : "-";
}

Cell without(const ClientOutcome& outcome, Milliseconds observed) {
    if (outcome.control) return {fmt::format("noticed: {}", ms(outcome.control)), Colour::warning};
    return {fmt::format("hangs, > {:.0f}", observed.count()), Colour::bad};
}

std::string error_name(int number) {
    const char* name = number == 0 ? "end of stream" : ::strerrorname_np(number);
    return name ? name : std::to_string(number);
}

/// "noticed 617, ECONNABORTED 618, reconnected 619"
Cell with(const ClientOutcome& outcome) {
    std::string text = "noticed " + ms(outcome.noticed);
    if (outcome.told)
        text += fmt::format(", {} {}", error_name(outcome.error), ms(outcome.told));
    else if (is_tcp(outcome.kind))
        text += ", never notified";
    text += outcome.back ? fmt::format(", {} {}", how(outcome.kind), ms(outcome.back)) : ", never recovered";
    return {text, failed_over(outcome) ? Colour::good : Colour::bad};
}

json::value ms_json(const std::optional<Milliseconds>& time) {
    if (!time) return nullptr;
    return std::round(time->count() * 1000) / 1000;
}

json::object client_json(const ClientOutcome& outcome) {
    return {{"client", to_string(outcome.kind)},
            {"without", json::object{{"hangs", !outcome.control}, {"heard_ms", ms_json(outcome.control)}}},
            {"with", json::object{{"noticed_ms", ms_json(outcome.noticed)},
                                  {"told_ms", ms_json(outcome.told)},
                                  {"error", outcome.told ? json::value(error_name(outcome.error)) : nullptr},
                                  {"back_ms", ms_json(outcome.back)},
                                  {"how", how(outcome.kind)},
                                  {"ok", failed_over(outcome)}}}};
}

}  // namespace

bool succeeded(const DemoReport& report) {
    return !report.clients.empty() && std::ranges::all_of(report.clients, [](const ClientOutcome& outcome) {
        return failed_over(outcome) && !outcome.control;
    });
}

std::string report_text(const DemoReport& report, bool colours) {
    Table table({{"MS AFTERWARDS"}, {"WITHOUT RESEAT"}, {"WITH RESEAT"}});
    for (const auto& outcome : report.clients)
        table.add({std::string(to_string(outcome.kind)), without(outcome, report.observed), with(outcome)});
    std::string text = table.render(0, colours);
    if (!report.reason.empty()) text += "\nreseat's verdict: " + report.reason + "\n";
    text += succeeded(report)
                ? paint("Clients with reseat recovered; the others hang.", Colour::good, colours)
                : paint("The demo failed: see the table.", Colour::bad, colours);
    return text + "\n";
}

json::object report_json(const DemoReport& report) {
    json::array clients;
    for (const auto& outcome : report.clients) clients.emplace_back(client_json(outcome));
    return {{"ok", succeeded(report)},
            {"verdict", report.reason},
            {"observed_ms", ms_json(report.observed)},
            {"clients", std::move(clients)}};
}

}  // namespace reseat::proxy
