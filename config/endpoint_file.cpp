// SPDX-License-Identifier: Apache-2.0
#include "config/endpoint_file.hpp"

#include "base/text.hpp"
#include "config/text_file.hpp"
#include "config/yaml_tree.hpp"

#include <boost/json/array.hpp>

#include <cctype>
#include <charconv>

namespace reseat::config {
namespace {

namespace json = boost::json;

json::value scalar_of(const Node& node) {
    if (!node.plain) return json::value(node.text);
    std::int64_t number = 0;
    const char* end = node.text.data() + node.text.size();
    const auto read = std::from_chars(node.text.data(), end, number);
    if (read.ec == std::errc{} && read.ptr == end) return json::value(number);
    return json::value(node.text);
}

json::value value_of(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null:
            return nullptr;
        case Node::Kind::scalar:
            return scalar_of(node);
        case Node::Kind::sequence: {
            json::array list;
            for (const Node& item : node.items) list.emplace_back(value_of(item));
            return list;
        }
        case Node::Kind::map: {
            json::object object;
            for (std::size_t i = 0; i < node.keys.size(); ++i)
                object[node.keys[i].value] = value_of(node.items[i]);
            return object;
        }
    }
    return nullptr;
}

/// Where a JSON pointer leads, or as far as the document has it.
Position position_of(const Node& root, const std::string& pointer) {
    const Node* node = &root;
    if (pointer.empty()) return root.at;
    for (const auto step : split(std::string_view(pointer).substr(1), '/')) {
        const Node* next = nullptr;
        if (node->kind == Node::Kind::sequence) {
            std::size_t index = 0;
            std::from_chars(step.data(), step.data() + step.size(), index);
            if (index < node->items.size()) next = &node->items[index];
        } else {
            next = node->find(step);
        }
        if (!next) break;
        node = next;
    }
    return node->at;
}

}  // namespace

EndpointFile read_endpoint_file(std::string_view text, const std::string& file) {
    EndpointFile read;
    const auto fault = [&](Position at, std::string message) {
        read.faults.push_back({Severity::error, file, at, std::move(message)});
    };
    // What is JSON without a fault needs no positions, and is read ten times faster.
    if (const auto first = text.find_first_not_of(" \n\t");
        first != text.npos && (text[first] == '{' || text[first] == '[')) {
        lb::Document document = lb::read_document_text(text, lb::UnknownKeys::refused);
        if (document.faults.empty()) {
            read.endpoints = std::move(document.endpoints);
            return read;
        }
    }
    Diagnostics out;
    const auto clean = as_text(text, lb::kMaxDocument, out);
    const auto root = clean ? parse_yaml(*clean, out) : std::nullopt;
    if (!root || out.has_errors()) {
        read.faults = out.in_order(file);
        if (read.faults.empty()) fault({}, "cannot be read");
        return read;
    }
    if (root->kind == Node::Kind::null) {
        fault({}, "is empty; write 'endpoints: []' if there is none");
        return read;
    }
    lb::Document document = lb::read_document(value_of(*root), lb::UnknownKeys::refused);
    for (lb::DocumentFault& one : document.faults) {
        const auto slash = one.pointer.rfind('/');
        const std::string key = slash == std::string::npos ? "" : one.pointer.substr(slash + 1) + ": ";
        const bool is_index = !key.empty() && std::isdigit(static_cast<unsigned char>(key.front()));
        fault(position_of(*root, one.pointer), (is_index ? "" : key) + one.message);
    }
    if (read.faults.empty()) read.endpoints = std::move(document.endpoints);
    return read;
}

}  // namespace reseat::config
