// SPDX-License-Identifier: Apache-2.0
#include "config/map_reader.hpp"
#include "config/read.hpp"
#include "config/words.hpp"

#include <fmt/format.h>

namespace reseat::config {
namespace {

using namespace std::chrono_literals;

std::optional<std::string> socket_path(const Value& value) {
    constexpr std::size_t longest = 107;  // sun_path of unix(7), less its terminator
    auto path = absolute_path(value);
    if (!path || path->size() <= longest) return path;
    value.fail(
        fmt::format("is {} bytes long; the path of a Unix socket has at most {}", path->size(), longest));
    return std::nullopt;
}

/// "": nothing, and that is meant.
std::optional<std::optional<Endpoint>> endpoint_or_empty(const Value& value) {
    if (value.node.kind == Node::Kind::scalar && value.node.text.empty()) return std::optional<Endpoint>();
    const auto endpoint = any_endpoint(value);
    if (!endpoint) return std::nullopt;
    return endpoint;
}

std::optional<std::string> pin(const Value& value) {
    const auto text = line_of_text(value);
    if (!text || *text == "auto" || *text == "off" || text->front() == '/') return text;
    constexpr std::string_view words[] = {"auto", "off", "an absolute path"};
    value.fail(quote(*text) + " is not a choice" + suggestion(*text, words));
    return std::nullopt;
}

void read_workload(const Node& node, ConfigFile& file, Diagnostics& out) {
    MapReader map(node, "workload", out);
    map.field("cgroup", file.cgroup, absolute_path);
    map.field("exit_when_idle", file.exit_when_idle, duration_between(0s, 24h));
    map.finish();
}

void read_admin(const Node& node, ConfigFile& file, Diagnostics& out) {
    MapReader map(node, "admin", out);
    map.field("socket", file.admin_socket, socket_path);
    map.field("address", file.admin_address, endpoint_or_empty);
    map.finish();
}

void read_log(const Node& node, ConfigFile& file, Diagnostics& out) {
    MapReader map(node, "log", out);
    map.field("level", file.log_level, one_of(log_levels));
    map.field("format", file.log_format, one_of(log_formats));
    map.finish();
}

void require(const Node& service, const Node* defaults, std::string_view key, std::string_view example,
             Diagnostics& out) {
    if (service.find(key) || (defaults && defaults->find(key))) return;
    out.error(service.at, fmt::format("the service has no '{}'; add one, as in '{}'", key, example));
}

void read_services(const Node& node, const Node* defaults, ConfigFile& file, Diagnostics& out) {
    std::size_t backends = 0;
    each_item({node, "services", out}, [&](const Node& item) {
        if (file.services.size() == max_services || backends > max_backends) return;
        ServiceBlock service = file.defaults;
        service.at = item.at;
        read_service(item, "a service", service, out);
        if (item.kind == Node::Kind::map || item.kind == Node::Kind::null) {
            require(item, defaults, "name", "name: web", out);
            require(item, defaults, "address", "address: 10.96.0.10:80", out);
            require(item, defaults, "backends", "backends: [10.0.1.11:80]", out);
        }
        backends += service.backends.size();
        if (backends > max_backends)
            out.error(item.at, fmt::format("with this service there are more than {} backends; "
                                           "spread them over several instances",
                                           max_backends));
        file.services.push_back(std::move(service));
    });
    if (node.items.size() > max_services)
        out.error(node.items[max_services].at, fmt::format("there are {} services; at most {} are allowed",
                                                           node.items.size(), max_services));
    if (node.kind == Node::Kind::null)
        out.error(node.at, "services: has no value; write 'services: []' if none is meant");
    if (node.kind == Node::Kind::sequence && node.items.empty())
        out.warning(node.at, "services: is empty, so nothing is balanced");
}

}  // namespace

ConfigFile read_config(const Node& root, Diagnostics& out) {
    ConfigFile file;
    MapReader map(root, "the file", out);
    if (root.kind != Node::Kind::map) return file;

    Written<int> version;
    map.field("version", version, number(1, 1));
    map.block("workload", [&](const Node& node) { read_workload(node, file, out); });
    map.block("admin", [&](const Node& node) { read_admin(node, file, out); });
    map.block("log", [&](const Node& node) { read_log(node, file, out); });
    map.field("pin", file.pin, pin);
    map.field("on_exit", file.on_exit, one_of(on_exits));
    if (file.on_exit && file.on_exit->value == lb::OnExit::keep && file.pin && file.pin->value == "off")
        out.error(file.on_exit->at, "on_exit: keep requires pinning; write 'pin: auto' or a directory");
    map.field("mptcp", file.mptcp, one_of(mptcps));
    map.block("defaults", [&](const Node& node) { read_service(node, "defaults", file.defaults, out); });
    file.defaults.health_check.settings_for.clear();
    map.block("services", [&](const Node& node) { read_services(node, root.find("defaults"), file, out); });
    map.block("policies", [&](const Node& node) { file.policies = read_policies(node, out); });
    map.finish();

    if (!map.has("version")) out.error(root.at, "the file has no 'version'; add 'version: 1' at its top");
    if (!map.has("services"))
        out.error(root.at, "the file has no 'services'; add a list of them, or 'services: []' for none");
    return file;
}

}  // namespace reseat::config
