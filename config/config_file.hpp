// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"
#include "lb/model.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// The configuration as it is written: the model's own values, over its defaults, and where each is written.
///
/// To add an option:
///  1. add its field, with its default, to lb/model.hpp (and to the list below `Service`, if it is in there);
///  2. add a line with its key and range to the table of its block, in a read_*.cpp; from it follow how the
///     option is read, inherited from `defaults`, and shown by `GET /config`;
///  3. give it a row in docs/configuration.md;
///  4. show it in config/example.yaml.
/// document_test.cpp then tests its default, both ends of its range and its words; what else it may be wrong
/// about needs a test of its own.
namespace reseat::config {

/// Where options are written, by their path in the block: "health_check.tcp.send". What is absent or faulty
/// has no place; blocks ("health_check.tcp") have one even if something in them is faulty.
class Places {
public:
    void add(std::string path, Position at) { places_.insert_or_assign(std::move(path), at); }

    std::optional<Position> find(std::string_view path) const {
        const auto found = places_.find(path);
        return found == places_.end() ? std::nullopt : std::optional(found->second);
    }
    bool has(std::string_view path) const { return places_.contains(path); }

private:
    std::map<std::string, Position, std::less<>> places_;
};

BOOST_DEFINE_ENUM_CLASS(ServiceProtocol, tcp, udp, any)

struct BackendBlock {
    Position at;
    /// The first, too, if none is right.
    std::variant<lb::Backend, lb::NamedBackends, lb::SourcedBackends> backend;
    Places places;

    /// Null: it is given in another way, or not at all.
    const Endpoint* endpoint() const {
        const auto* given = std::get_if<lb::Backend>(&backend);
        return given && places.has("address") ? &given->endpoint : nullptr;
    }
    const lb::NamedBackends* named() const { return std::get_if<lb::NamedBackends>(&backend); }
    const lb::SourcedBackends* sourced() const { return std::get_if<lb::SourcedBackends>(&backend); }
};

struct ServiceBlock {
    Position at;
    ServiceProtocol protocol = ServiceProtocol::tcp;
    std::vector<Located<Endpoint>> addresses;
    lb::Service service;  ///< all else, `defaults` inherited
    std::vector<BackendBlock> backends;
    Places places;
};

struct PolicyBlock {
    Position at;
    lb::AccessPolicy policy;
    std::vector<Position> destinations_at;  ///< of each in `policy.to`
    Places places;
};

struct ConfigFile {
    lb::Model model;  ///< without services and policies
    ServiceBlock defaults;
    std::vector<ServiceBlock> services;
    std::vector<PolicyBlock> policies;
    Places places;
};

}  // namespace reseat::config
