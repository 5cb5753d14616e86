// SPDX-License-Identifier: Apache-2.0
#include "config/read_source.hpp"

#include "config/options.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace reseat::config {
namespace {

using namespace std::chrono_literals;
using lb::SourceKind, lb::SourceRef;

constexpr std::array<std::string_view, 4> kKinds = {"kubernetes", "file", "command", "stream"};
constexpr auto kStreamInterval = 30s;
constexpr std::size_t kMaxArguments = 64;

/// A name of Kubernetes: RFC 1123 label or subdomain.
bool is_label(std::string_view text) {
    const auto fits = [](unsigned char c) {
        return std::islower(c) || std::isdigit(c) || c == '-' || c == '.';
    };
    return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, fits) && text.front() != '-' &&
           text.back() != '-';
}

std::optional<std::string> service_of_cluster(const Value& value) {
    const auto text = line_of_text(value);
    if (!text) return std::nullopt;
    const auto slash = text->find('/');
    const bool good = slash == std::string::npos
                          ? is_label(*text)
                          : is_label(text->substr(0, slash)) && is_label(text->substr(slash + 1));
    if (good) return text;
    value.fail(fmt::format("{} is not the name of a Service; write it as NAMESPACE/NAME, as in db/postgres",
                           quote(*text)));
    return std::nullopt;
}

std::optional<std::string> port_of_service(const Value& value) {
    const auto text = line_of_text(value);
    if (!text) return std::nullopt;
    const bool digits = std::ranges::all_of(*text, [](unsigned char c) { return std::isdigit(c); });
    if (digits ? text->size() <= 5 && std::stoul(*text) >= 1 && std::stoul(*text) <= 65535
               : is_label(*text) && text->size() <= 63)
        return text;
    value.fail(fmt::format("{} is neither the name of a port nor a number from 1 to 65535", quote(*text)));
    return std::nullopt;
}

std::optional<std::vector<std::string>> words(const Value& value) {
    if (value.node.kind != Node::Kind::sequence || value.node.items.empty()) {
        value.expected("a list of a program and its arguments");
        return std::nullopt;
    }
    if (value.node.items.size() > kMaxArguments) {
        value.fail(fmt::format("has more than {} words", kMaxArguments));
        return std::nullopt;
    }
    std::vector<std::string> all;
    for (const Node& item : value.node.items) {
        const auto word = all.empty() ? line_of_text(value.with(item)) : line_or_empty(value.with(item));
        if (!word) return std::nullopt;
        all.push_back(*word);
    }
    return all;
}

std::optional<std::string> stream_url(const Value& value) {
    const auto text = line_of_text(value);
    if (!text) return std::nullopt;
    const std::string fault = url_fault(*text, true);
    if (fault.empty()) return text;
    value.fail(fmt::format("{} {}", quote(*text), fault));
    return std::nullopt;
}

Option<SourceRef> cluster_service_option() {
    const auto read = [](MapReader& map, SourceRef& into) {
        std::string text;
        map.field("service", text, service_of_cluster);
        const auto slash = text.find('/');
        if (slash != std::string::npos) into.name_space = text.substr(0, slash);
        into.service = slash == std::string::npos ? text : text.substr(slash + 1);
    };
    const auto show = [](const SourceRef& ref) -> std::optional<boost::json::value> {
        return shown(ref.name_space.empty() ? ref.service : ref.name_space + "/" + ref.service);
    };
    return {"service", read, show};
}

/// An argument may be a secret, as in an exec check.
boost::json::value program_json(const std::vector<std::string>& command) {
    return boost::json::array(command.begin(),
                              command.begin() + std::min<std::ptrdiff_t>(1, std::ssize(command)));
}

auto is(SourceKind kind) {
    return [kind](const SourceRef& ref) { return ref.kind == kind; };
}

Option<SourceRef> text_option(std::string_view key, std::string SourceRef::*field,
                              std::optional<std::string> (*read)(const Value&)) {
    return option(key, field, read).shown_if([field](const SourceRef& ref) { return !(ref.*field).empty(); });
}

void check_kubernetes(const Node& backend, Diagnostics& out) {
    const Node* node = backend.find("kubernetes");
    if (node && node->kind == Node::Kind::map && !node->find("service"))
        out.error(node->at, "kubernetes: has no 'service'; add one, as in 'service: db/postgres'");
}

void check_stream_keys(const SourceRef& ref, const Places& places, Diagnostics& out) {
    if (places.has("tls.cert_file") != places.has("tls.key_file"))
        out.error(*places.find("tls"),
                  "tls: a certificate and its key belong together; write both 'cert_file' and 'key_file'");
    if (!ref.url.empty()) return;
    for (const char* key : {"token_file", "tls.ca_file", "tls.cert_file", "tls.key_file"})
        if (const auto at = places.find(key))
            return out.error(*at, "token_file and tls belong to a 'stream'; remove them, or write one");
}

/// `places` has what is right of them.
std::optional<SourceKind> kind_of(const SourceRef& ref, const Places& places) {
    if (places.has("stream")) return SourceKind::stream;
    if (places.has("command")) return SourceKind::command;
    if (places.has("file")) return SourceKind::file;
    return ref.service.empty() ? std::nullopt : std::optional(SourceKind::kubernetes);
}

}  // namespace

const Options<SourceRef>& source_options() {
    static const Options<SourceRef> options = {
        block<SourceRef>("kubernetes",
                         {cluster_service_option(), text_option("port", &SourceRef::port, port_of_service)})
            .shown_if(is(SourceKind::kubernetes)),
        text_option("file", &SourceRef::path, absolute_path),
        option("command", &SourceRef::command, words, program_json).shown_if(is(SourceKind::command)),
        text_option("stream", &SourceRef::url, stream_url),
        option("interval", &SourceRef::interval, 1s, 24h).shown_if([](const SourceRef& ref) {
            return ref.interval > Duration::zero();
        }),
        text_option("token_file", &SourceRef::token_file, absolute_path),
        block<SourceRef>("tls", {text_option("ca_file", &SourceRef::ca_file, absolute_path),
                                 text_option("cert_file", &SourceRef::cert_file, absolute_path),
                                 text_option("key_file", &SourceRef::key_file, absolute_path)})
            .shown_if([](const SourceRef& ref) { return !ref.ca_file.empty() || !ref.cert_file.empty(); }),
    };
    return options;
}

bool has_source(const MapReader& map) {
    return std::ranges::any_of(kKinds, [&](std::string_view kind) { return map.has(kind); });
}

std::optional<SourceRef> read_source(MapReader& map, const Node& node, const Places& places,
                                     Diagnostics& out) {
    SourceRef ref;
    read_options(map, source_options(), ref);
    check_kubernetes(node, out);
    check_stream_keys(ref, places, out);
    std::size_t kinds = map.has("address") + map.has("srv");
    for (const std::string_view kind : kKinds) kinds += map.has(kind);
    if (kinds > 1 && has_source(map)) {
        out.error(
            node.at,
            "a backend has one of 'address', 'srv', 'kubernetes', 'file', 'command', 'stream'; remove the "
            "others");
        return std::nullopt;
    }
    const auto kind = kind_of(ref, places);
    const auto interval = places.find("interval");
    if (interval && kind != SourceKind::command && kind != SourceKind::stream)
        out.error(*interval, "interval: belongs to a 'command' or a 'stream'; remove it");
    if (kind == SourceKind::stream && !interval) ref.interval = kStreamInterval;
    if (!kind) return std::nullopt;
    ref.kind = *kind;
    return ref;
}

std::string url_fault(std::string_view text, bool plain_http) {
    const bool https = text.starts_with("https://");
    const bool http = text.starts_with("http://");
    if (!https && !(http && plain_http))
        return plain_http ? "is not a URL; write it as https://relay.internal:9902/endpoints/web"
                          : "is not an https URL; write it as https://10.0.0.1:6443";
    std::string_view rest = text.substr(https ? 8 : 7);
    const std::string_view authority = rest.substr(0, rest.find('/'));
    const auto colon = authority.rfind(':');
    std::string_view host = authority.substr(0, colon);
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) return "has a '[' that is not closed";
        host = authority.substr(1, close - 1);
    }
    const auto visible = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
    if (host.empty() || !std::ranges::all_of(text, visible) || authority.find('@') != std::string_view::npos)
        return "is not a URL that can be asked; it needs a host, and has neither blanks nor '@'";
    if (http) {
        const auto address = parse_address(host);
        if (host != "localhost" && !(address && address->is_loopback()))
            return "is plain HTTP to another machine, which anybody on the way could change; use https";
    }
    return "";
}

}  // namespace reseat::config
