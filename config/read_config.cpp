// SPDX-License-Identifier: Apache-2.0
#include "config/options.hpp"
#include "config/read.hpp"
#include "config/read_source.hpp"

#include <boost/json.hpp>
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

boost::json::value endpoint_json(const std::optional<Endpoint>& endpoint) {
    return boost::json::value(endpoint ? to_string(*endpoint) : "");
}

std::optional<std::string> pin(const Value& value) {
    const auto text = line_of_text(value);
    if (!text || *text == "auto" || *text == "off" || text->front() == '/') return text;
    constexpr std::string_view words[] = {"auto", "off", "an absolute path"};
    value.fail(quote(*text) + " is not a choice" + suggestion(*text, words));
    return std::nullopt;
}

std::optional<std::string> server_url(const Value& value) {
    auto text = line_of_text(value);
    if (!text) return std::nullopt;
    const auto fault = url_fault(*text, false);
    if (fault.empty()) return text;
    value.fail(fmt::format("{} {}", quote(*text), fault));
    return std::nullopt;
}

/// One, or a list of them that is gone round.
std::optional<std::vector<std::string>> server_urls(const Value& value) {
    std::vector<std::string> all;
    if (value.node.kind != Node::Kind::sequence) {
        const auto one = server_url(value);
        return one ? std::optional(std::vector{*one}) : std::nullopt;
    }
    for (const auto& item : value.node.items) {
        const auto one = server_url(value.with(item));
        if (!one) return std::nullopt;
        all.push_back(*one);
    }
    return all;
}

boost::json::value texts_json(const std::vector<std::string>& texts) {
    return boost::json::array(texts.begin(), texts.end());
}

Options<lb::KubernetesAccess> kubernetes_options() {
    using Access = lb::KubernetesAccess;
    const auto path = [](std::string_view key, std::string Access::*field) {
        return option(key, field, absolute_path).shown_if([field](const Access& access) {
            return !(access.*field).empty();
        });
    };
    return {
        option("server", &Access::servers, server_urls, texts_json).shown_if([](const Access& access) {
            return !access.servers.empty();
        }),
        path("token_file", &Access::token_file),
        path("ca_file", &Access::ca_file),
        path("cert_file", &Access::cert_file),
        path("key_file", &Access::key_file),
    };
}

Options<lb::SourceSettings> sources_options() {
    using lb::SourceSettings;
    return {
        option("start_wait", &SourceSettings::start_wait, 0s, 1min),
        block("kubernetes", &SourceSettings::kubernetes, kubernetes_options()),
    };
}

void check_sources(const Places& places, Diagnostics& out) {
    if (places.has("sources.kubernetes.cert_file") != places.has("sources.kubernetes.key_file"))
        out.error(*places.find("sources.kubernetes"),
                  "kubernetes: a certificate and its key belong together; write both 'cert_file' and "
                  "'key_file'");
}

void require(const Node& service, const Node* defaults, std::string_view key, std::string_view example,
             Diagnostics& out) {
    if (service.find(key) || (defaults && defaults->find(key))) return;
    out.error(service.at, fmt::format("the service has no '{}'; add one, as in '{}'", key, example));
}

void read_services(const Value& list, const Node* defaults, ConfigFile& file) {
    const auto& [node, key, out] = list;
    std::size_t backends = 0;
    each_item(list, [&, &out = out](const Node& item) {
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

const Options<lb::Model>& instance_options() {
    using lb::Model;
    static const Options<Model> options = {
        block<Model>("workload", {option("cgroup", &Model::cgroup, absolute_path),
                                  option("exit_when_idle", &Model::exit_when_idle, 0s, 24h)}),
        block<Model>("admin",
                     {option("socket", &Model::admin_socket, socket_path).shown_if([](const Model& m) {
                          return !m.admin_socket.empty();
                      }),
                      option("address", &Model::admin_address, endpoint_or_empty, endpoint_json)}),
        block<Model>("log", {option("level", &Model::log_level), option("format", &Model::log_format)}),
        option("pin", &Model::pin, pin),
        option("on_exit", &Model::on_exit),
        option("mptcp", &Model::mptcp),
        block("sources", &Model::sources, sources_options()),
    };
    return options;
}

ConfigFile read_config(const Node& root, Diagnostics& out) {
    ConfigFile file;
    MapReader map(root, "the file", file.places, out);
    if (root.kind != Node::Kind::map) return file;

    int version = 0;
    map.field("version", version, number(1, 1));
    read_options(map, instance_options(), file.model);
    if (file.model.on_exit == lb::OnExit::keep && file.model.pin == "off")
        out.error(*file.places.find("on_exit"),
                  "on_exit: keep requires pinning; write 'pin: auto' or a directory");
    check_sources(file.places, out);
    map.block("defaults",
              [&](const Value& value) { read_service(value.node, "defaults", file.defaults, out); });
    map.block("services", [&](const Value& list) { read_services(list, root.find("defaults"), file); });
    map.block("policies", [&](const Value& list) { file.policies = read_policies(list); });
    map.finish();

    if (!map.has("version")) out.error(root.at, "the file has no 'version'; add 'version: 1' at its top");
    if (!map.has("services"))
        out.error(root.at, "the file has no 'services'; add a list of them, or 'services: []' for none");
    return file;
}

}  // namespace reseat::config
