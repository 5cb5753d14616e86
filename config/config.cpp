// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include "config/compile.hpp"
#include "config/read.hpp"
#include "config/text_file.hpp"
#include "config/yaml_tree.hpp"

namespace reseat::config {
namespace {

/// Warnings can wait until the file has no errors: until then they may only follow from those.
LoadOutcome failed(const Diagnostics& out, const std::string& file) {
    auto faults = out.in_order(file);
    std::erase_if(faults, [](const auto& fault) { return fault.severity == Severity::warning; });
    return {std::nullopt, std::move(faults)};
}

}  // namespace

LoadOutcome load_text(std::string_view bytes, const std::string& file_name, ExecChecks exec) {
    Diagnostics out;
    const auto text = as_text(bytes, max_file_size, out);
    if (!text) return failed(out, file_name);
    const auto root = parse_yaml(*text, out);
    if (!root) return failed(out, file_name);
    if (root->kind == Node::Kind::null) {
        out.error({}, "is empty; start it with 'version: 1' and 'services:'");
        return failed(out, file_name);
    }

    ConfigFile file = read_config(*root, out);
    check_unique(file, out);
    check_hash_key(file, out);
    check_needs(file, exec, out);
    if (!out.has_errors()) warn_of_doubtful(file, out);
    if (out.has_errors()) return failed(out, file_name);
    return {Loaded{.model = compile(file),
                   .warnings = out.in_order(file_name),
                   .file = file_name,
                   .sha256 = sha256(bytes),
                   .addresses = service_addresses(file),
                   .tls_files = tls_files(file)},
            {}};
}

LoadOutcome load_file(const std::string& path, ExecChecks exec) {
    Diagnostics out;
    const auto bytes = read_bytes(path, max_file_size, out);
    return bytes ? load_text(*bytes, path, exec) : failed(out, path);
}

}  // namespace reseat::config
