// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "bpf/doctor/kernel_features.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/discovery/kubernetes/kubernetes_source.hpp"
#include "proxy/discovery/kubernetes/pod_credentials.hpp"
#include "proxy/show/terminal.hpp"
#include "proxy/sidecar/descriptor_limit.hpp"
#include "proxy/sidecar/pinning.hpp"
#include "proxy/sidecar/privileges.hpp"
#include "proxy/workload/workload_cgroup.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include <unistd.h>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

constexpr std::string_view kTerminate = "terminate: ";

/// The engines that end sockets here, best first: the features named "terminate: ENGINE". The iterator only
/// replaces SOCK_DESTROY.
std::vector<std::string> engines(const std::vector<bpf::Feature>& features) {
    std::vector<std::string> names;
    for (const auto& feature : features)
        if (feature.available && feature.name.starts_with(kTerminate))
            names.push_back(feature.name.substr(kTerminate.size()));
    if (!names.empty() && names.front() == "tuple") std::erase(names, "iterator");
    return names;
}

bool can_run(const std::vector<bpf::Feature>& features) {
    return std::ranges::all_of(features, [](const auto& f) { return f.available || !f.required; });
}

Cell verdict(const bpf::Feature& feature) {
    if (feature.available) return {"yes", Colour::good};
    return feature.required ? Cell{"MISSING", Colour::bad} : Cell{"no", Colour::warning};
}

void print_table(const std::vector<bpf::Feature>& features) {
    const bool colours = use_colours();
    Table table({{"FEATURE"}, {"WORKS"}, {"SEEN", false, true}});
    for (const auto& feature : features)
        table.add({feature.name, verdict(feature), one_line(feature.detail)});
    write_out(table.render(terminal_width(), colours));
    std::puts("");
    for (const auto& feature : features)
        if (!feature.available && !feature.remedy.empty())
            std::printf("%s: %s\n", feature.name.c_str(), one_line(feature.remedy).c_str());
    const auto names = engines(features);
    std::puts(fmt::format("sockets are terminated by: {}",
                          names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", then ")))
                  .c_str());
    std::puts(can_run(features) ? paint("reseat can run here", Colour::good, colours).c_str()
                                : paint("reseat cannot run here", Colour::bad, colours).c_str());
}

void print_json(const std::vector<bpf::Feature>& features) {
    json::array list, names;
    for (const auto& feature : features)
        list.emplace_back(json::object{{"name", feature.name},
                                       {"available", feature.available},
                                       {"required", feature.required},
                                       {"detail", feature.detail},
                                       {"remedy", feature.remedy}});
    for (const auto& name : engines(features)) names.emplace_back(name);
    const json::object body{{"ok", can_run(features)}, {"terminate", names}, {"features", list}};
    write_out(json::serialize(body) + "\n");
}

/// Whether balancing can survive the death of reseat, by making a directory where it would pin.
bpf::Feature try_pinning() {
    bpf::Feature pinning{.name = "pinning", .required = false};
    const std::string directory = default_pin("doctor-" + std::to_string(::getpid()));
    std::error_code failure;
    if (const auto possible = can_pin_in(directory); !possible) {
        pinning.detail = possible.error().message;
        pinning.remedy =
            "without it, balancing ends when reseat exits; mount a bpffs (mount -t bpf bpf /sys/fs/bpf), or "
            "set pin: DIR to a directory in another one";
        return pinning;
    }
    pinning.available = std::filesystem::create_directories(directory, failure) && !failure;
    pinning.detail = pinning.available ? "balancing continues if reseat dies" : failure.message();
    std::filesystem::remove(directory, failure);
    std::filesystem::remove(std::filesystem::path(directory).parent_path(), failure);
    return pinning;
}

bpf::Feature look_at_descriptors() {
    raise_descriptor_limit();
    const std::size_t limit = descriptor_limit(), enough_for = checkable_backends(limit);
    return {.name = "descriptors",
            .available = enough_for > 0,
            .detail = fmt::format("at most {}: enough to check {} backends", limit, enough_for),
            .remedy = enough_for > 0 ? "" : "raise it: ulimit -Hn, or LimitNOFILE= of the unit"};
}

/// Those that it can do without, and what each is worth.
std::vector<bpf::Feature> look_at_optional_capabilities() {
    std::vector<bpf::Feature> features;
    const auto effective = effective_capabilities();
    for (const auto& [name, held, without] : optional_capabilities(effective.value_or(0)))
        if (effective)
            features.push_back({.name = std::string(name),
                                .available = held,
                                .detail = held ? "held" : "not held",
                                .remedy = held ? "" : "optional; without it, " + std::string(without)});
    return features;
}

/// What sources of backends need, where this is a pod.
std::vector<bpf::Feature> look_at_kubernetes() {
    std::vector<bpf::Feature> features;
    for (const auto& [name, good, seen, remedy] :
         look_at_pod(kServiceAccount, std::chrono::system_clock::now()))
        features.push_back({.name = name,
                            .available = good,
                            .detail = seen,
                            .remedy = good ? "" : "only for backends from Kubernetes: " + remedy});
    return features;
}

/// What has to be there before anything can be tried, then what the kernel does when it is.
std::vector<bpf::Feature> try_everything() {
    bpf::Feature capabilities{
        .name = "capabilities", .available = true, .required = true, .detail = "BPF, NET_ADMIN"};
    if (auto held = require_capabilities(); !held) {
        capabilities.available = false;
        capabilities.detail = held.error().message;
        capabilities.remedy = "run as root, or grant this process CAP_BPF and CAP_NET_ADMIN";
    }
    bpf::Feature scratch{.name = "cgroup2", .required = true};
    auto cgroup = WorkloadCgroup::create("reseat-doctor");
    scratch.available = cgroup.has_value();
    scratch.detail = cgroup ? "made " + cgroup->path() : cgroup.error().message;
    if (!cgroup)
        scratch.remedy = "mount cgroup2 where reseat may create a cgroup, or attach to an existing cgroup";
    std::vector<bpf::Feature> features = {capabilities};
    std::ranges::move(look_at_optional_capabilities(), std::back_inserter(features));
    std::ranges::move(look_at_kubernetes(), std::back_inserter(features));
    features.push_back(look_at_descriptors());
    features.push_back(scratch);
    if (!capabilities.available || !cgroup) return features;
    std::ranges::move(bpf::probe_kernel_features(cgroup->path(), cgroup->procs()),
                      std::back_inserter(features));
    features.push_back(try_pinning());
    return features;
}

int run(const Options& options) {
    const auto features = try_everything();
    options.output == Output::json ? print_json(features) : print_table(features);
    return can_run(features) ? 0 : exit_status(ErrorCode::unsupported);
}

}  // namespace

Command doctor_command() {
    return {.name = "doctor",
            .group = group::kTry,
            .summary = "Test what this machine supports, feature by feature",
            .flags = [](Flags& f) { f.output(); },
            .help =
                "Exit status: 0 reseat can run, 4 something required is missing.\n\n"
                "Example:\n  sudo reseat doctor",
            .run = run};
}

}  // namespace reseat::proxy
