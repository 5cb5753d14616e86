// SPDX-License-Identifier: Apache-2.0
#include "base/task.hpp"
#include "base/text.hpp"
#include "lb/discovery/name_news.hpp"
#include "lb/health/probe/make_probe.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/commands/config_file.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/discovery/discovery.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <deque>

namespace reseat::proxy {
namespace {

constexpr std::size_t kAtOnce = 64;

constexpr auto kPatience = std::chrono::seconds(10);       ///< with DNS
constexpr auto kSourcePatience = std::chrono::seconds(5);  ///< with other sources

struct Row {
    const lb::Service* service = nullptr;
    const lb::Backend* backend = nullptr;
    std::optional<lb::ProbeResult> result;  ///< nothing: the service has no health check
};

/// A name that brings no backend, or no server.
struct BadName {
    const lb::Service* service = nullptr;
    std::string name;
    std::string result;
    std::string why;
};

Task<void> probe(Row& row) {
    const auto& check = row.service->health_check;
    const auto probe = lb::make_probe(check, lb::probe_target(*row.service, *row.backend), {});
    row.result = co_await probe->once(check.timeout);
}

/// One of kAtOnce workers: takes the next row until none is left.
Task<void> work(std::vector<Row>& rows, std::size_t& next) {
    while (next < rows.size()) {
        Row& row = rows[next++];
        if (row.service->health_check.type != lb::CheckType::none) co_await probe(row);
    }
}

bool passed(const Row& row) {
    return !row.result || row.result->outcome == lb::ProbeOutcome::passed ||
           row.backend->standing != lb::Standing::ready;
}

std::string result_of(const Row& row) {
    return row.result ? std::string(to_string(row.result->outcome)) : "unchecked";
}

std::string detail_of(const Row& row) {
    const lb::Standing standing = row.backend->standing;
    const std::string said = standing == lb::Standing::ready ? "" : fmt::format("({}) ", word_of(standing));
    return said + (row.result ? one_line(row.result->detail) : "no health check");
}

void print_table(const std::vector<Row>& rows, const std::vector<BadName>& bad_names) {
    Table table({{"SERVICE", false, true},
                 {"BACKEND", false, true},
                 {"ADDRESS"},
                 {"RESULT"},
                 {"DETAIL", false, true},
                 {"LATENCY", true}});
    for (const auto& row : rows)
        table.add({lb::title(*row.service),
                   row.backend->name,
                   to_string(lb::checked_endpoint(row.service->health_check, *row.backend)),
                   {result_of(row), passed(row) ? Colour::good : Colour::bad},
                   detail_of(row),
                   row.result ? human(row.result->latency) : "-"});
    for (const auto& [service, name, result, why] : bad_names)
        table.add({lb::title(*service), name, "-", {result, Colour::bad}, why, "-"});
    write_out(table.render(terminal_width(), use_colours()));
}

void print_json(const std::vector<Row>& rows, const std::vector<BadName>& bad_names) {
    boost::json::array list;
    for (const auto& row : rows) {
        boost::json::object entry{
            {"service", row.service->name},
            {"backend", row.backend->name},
            {"address", to_string(lb::checked_endpoint(row.service->health_check, *row.backend))},
            {"protocol", to_string(row.service->protocol)},
            {"result", result_of(row)},
            {"detail", detail_of(row)},
            {"latency_us", nullptr}};
        if (row.result)
            entry["latency_us"] =
                std::chrono::duration_cast<std::chrono::microseconds>(row.result->latency).count();
        list.emplace_back(std::move(entry));
    }
    for (const auto& [service, name, result, why] : bad_names)
        list.emplace_back(boost::json::object{{"service", service->name},
                                              {"backend", name},
                                              {"address", nullptr},
                                              {"protocol", to_string(service->protocol)},
                                              {"result", result},
                                              {"detail", why},
                                              {"latency_us", nullptr}});
    write_out(boost::json::serialize(list) + "\n");
}

const lb::Service& find(const std::vector<lb::Service>& services, const lb::NameView& view) {
    return *std::ranges::find_if(services, [&](const lb::Service& service) {
        return service.name == view.service && service.protocol == view.protocol;
    });
}

/// The services with what DNS says now; `bad_names` points to the given ones.
std::vector<lb::Service> resolve(asio::io_context& loop, const lb::Model& model, const Options& options,
                                 std::vector<BadName>& bad_names) {
    const auto& services = model.services;
    const bool any = std::ranges::any_of(services, [](const auto& service) {
        return !service.named_backends.empty() || !service.sourced_backends.empty();
    });
    if (!any) return services;
    Discovery discovery(loop.get_executor(), {}, {});
    discovery.sources().configure(model.sources.kubernetes,
                                  "apply what \"reseat rbac " + options.config + "\" prints");
    const auto on_failure = [](const std::string& what) { fail({ErrorCode::failed, what}); };
    auto asking = spawn(loop.get_executor(), "name resolution", discovery.run(), on_failure);
    learn_now(loop, discovery, services, kPatience, kSourcePatience);
    for (const auto& view : discovery.view(services)) {
        if (view.endpoints.empty())
            bad_names.push_back({&find(services, view), view.named.name, "unresolved",
                                 view.error.empty() ? "no answer in time" : one_line(view.error)});
        for (const auto& found : view.service_endpoints)
            bad_names.push_back(
                {&find(services, view), view.named.name, "not a server",
                 fmt::format("{} is the address of {}", to_string(found.endpoint), lb::owner(view, found))});
    }
    for (const auto& view : discovery.sources().view(services)) {
        const bool heard = view.said.known != lb::Assignment::Known::never;
        if (heard && view.said.error.empty() && !view.endpoints.empty()) continue;
        const lb::Service& service = *std::ranges::find_if(services, [&](const lb::Service& one) {
            return one.name == view.service && one.protocol == view.protocol;
        });
        const std::string why = !view.said.error.empty() ? one_line(view.said.error)
                                : heard                  ? "it names no endpoint"
                                                         : "no answer in time";
        bad_names.push_back({&service, to_string(view.entry.ref), heard ? "empty" : "unheard", why});
    }
    auto expanded = discovery.expand(services);
    asking.cancel();
    loop.restart();
    loop.poll();
    loop.restart();
    return expanded;
}

int run(const Options& options) {
    const auto config = load_and_report(options.config, exec_checks(options));
    if (!config) return exit_status(ErrorCode::invalid_config);
    asio::io_context loop(1);
    std::vector<BadName> bad_names;
    const auto services = resolve(loop, config->model, options, bad_names);
    std::vector<Row> rows;
    for (const auto& service : services)
        for (const auto& backend : service.backends) rows.push_back({&service, &backend, std::nullopt});

    std::size_t next = 0;
    std::deque<Spawned> workers;
    std::string failure;
    for (std::size_t i = 0; i < std::min(kAtOnce, rows.size()); ++i)
        workers.push_back(spawn(loop.get_executor(), "check", work(rows, next),
                                [&](const std::string& what) { failure = what; }));
    loop.run();
    if (!failure.empty()) return fail({ErrorCode::failed, failure});
    options.output == Output::json ? print_json(rows, bad_names) : print_table(rows, bad_names);
    return std::ranges::all_of(rows, passed) && bad_names.empty() ? 0 : 1;
}

}  // namespace

Command check_command() {
    return {.name = "check",
            .group = group::kTry,
            .summary = "Probe every backend once; needs no privileges",
            .flags =
                [](Flags& f) {
                    f.config_argument();
                    f.allow_exec();
                    f.output();
                },
            .help = "Exit status: 0 all pass, 1 otherwise.\n\nExample:\n  reseat check reseat.yaml",
            .run = run};
}

}  // namespace reseat::proxy
