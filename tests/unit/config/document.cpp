// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/document.hpp"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

namespace reseat::config {
namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;

/// What must stand in a map for it to be right.
const std::map<std::string, Keys> required = {
    {"", {{"version", "1"}, {"services", "[]"}}},
    {"services[]", {{"name", "web"}, {"address", "'10.96.0.1:80'"}, {"backends", "['10.0.0.1:80']"}}},
    {"services[].backends[]", {{"address", "'10.0.0.2:80'"}}},
    {"services[].backends[].kubernetes", {{"service", "db/pg"}}},
    {"policies[]", {{"name", "p"}, {"action", "deny"}, {"to", "[{cidr: 10.0.0.0/8}]"}}},
    {"policies[].to[]", {{"cidr", "10.0.0.0/8"}}},
};

/// What a key, or what is below it, or just one value of it, needs beside it in order to matter.
const std::map<std::string, std::pair<std::string, std::string>> needs = {
    {"services[].hash_key", {"lb_policy", "maglev"}},
    {"services[].lb_policy: maglev", {"hash_key", "uid"}},
    {"services[].health_check.type: exec", {"exec", "{command: [/bin/true]}"}},
    {"services[].health_check.exec", {"type", "exec"}},
    {"services[].health_check.grpc", {"type", "grpc"}},
    {"services[].health_check.http", {"type", "http"}},
    {"services[].health_check.tls", {"type", "http, http: {tls: true}"}},
};

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(' ');
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// What a backend has instead of an address.
const std::set<std::string> sources = {"kubernetes", "file", "command", "stream"};

/// "key: value" within all that is around it; without `value` the key itself is not there.
std::string write(const std::string& path, const std::optional<std::string>& value) {
    const auto dot = path.rfind('.');
    const std::string place = dot == std::string::npos ? "" : path.substr(0, dot);
    const std::string written = path.substr(dot == std::string::npos ? 0 : dot + 1);
    const bool in_list = written.ends_with("[]");
    const std::string key = in_list ? written.substr(0, written.size() - 2) : written;

    std::vector<std::string> entries;
    if (const auto found = required.find(place); found != required.end())
        for (const auto& [sibling, usual] : found->second)
            if (sibling != key && !(value && sibling == "address" && sources.contains(key)))
                entries.push_back(sibling + ": " + usual);
    for (const auto& what : {path, path + ": " + value.value_or("")})
        if (const auto found = needs.find(what); found != needs.end())
            entries.push_back(found->second.first + ": " + found->second.second);
    if (value) entries.push_back(key + ": " + (in_list ? "[" + *value + "]" : *value));
    const std::string map = fmt::format("{{{}}}", fmt::join(entries, ", "));
    return place.empty() ? map : write(place, map);
}

std::optional<std::string> place_of(const std::string& line) {
    if (line == "## Top level") return "";
    std::smatch match;
    static const std::regex heading(R"(## ((?:services|policies)\[\].*))");
    return std::regex_match(line, match, heading) ? std::optional(match[1].str()) : std::nullopt;
}

}  // namespace

std::string read_text(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
    std::vector<std::string> parts;
    std::size_t from = 0;
    for (std::size_t at; (at = text.find(separator, from)) != std::string::npos; from = at + separator.size())
        parts.push_back(text.substr(from, at - from));
    parts.push_back(text.substr(from));
    return parts;
}

std::vector<Section> read_document() {
    std::vector<Section> sections;
    bool in_section = false;
    for (const auto& line : split(read_text("docs/configuration.md"), "\n")) {
        if (line.starts_with("## ")) {
            const auto place = place_of(line);
            in_section = place.has_value();
            if (place) sections.push_back({*place, {}});
        }
        if (!in_section || !line.starts_with("| `")) continue;
        const auto cells = split(line, " | ");
        if (cells.size() != 6) throw std::runtime_error("six columns expected: " + line);
        const auto key = literal(trimmed(cells[0].substr(1)));
        if (!key) throw std::runtime_error("one key expected: " + line);
        sections.back().rows.push_back({*key, trimmed(cells[3]), trimmed(cells[4])});
    }
    return sections;
}

std::optional<std::string> literal(const std::string& cell) {
    const bool is_one = cell.size() > 2 && cell.front() == '`' && cell.find('`', 1) == cell.size() - 1;
    return is_one ? std::optional(cell.substr(1, cell.size() - 2)) : std::nullopt;
}

Range read_range(const std::string& cell) {
    static const std::regex ends(R"((\d+(?:ms|s|h)?)–(\d+(?:ms|s|m|h)?))");
    Range range;
    for (const auto& part : split(cell, ", ")) {
        std::smatch match;
        if (const auto word = literal(part))
            range.words.push_back(*word);
        else if (std::regex_match(part, match, ends))
            range.ends.emplace_back(match[1], match[2]);
        else
            return {};
    }
    return range;
}

std::string document_with(const std::string& path, const std::string& value) {
    return write(path, value);
}

std::string document_without(const std::string& path) {
    return write(path, std::nullopt);
}

}  // namespace reseat::config
