// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Reads the tables of docs/configuration.md, and writes configurations in which one key is in question.
/// A key is named by its path: services[].health_check.http.path.
namespace reseat::config {

struct Row {
    std::string key, default_value, range;
};

/// A chapter with a table of keys, or several.
struct Section {
    std::string place;  ///< services[].backends[]; empty: the top level
    std::vector<Row> rows;
};

/// What a cell of the column `range` says as words of YAML and ranges of numbers or durations; both are empty
/// where it is prose.
struct Range {
    std::vector<std::string> words;
    std::vector<std::pair<std::string, std::string>> ends;  ///< both included
};

std::vector<Section> read_document();
Range read_range(const std::string& cell);
/// The value of a cell that is just `value`.
std::optional<std::string> literal(const std::string& cell);

/// A configuration with nothing wrong but, perhaps, this key. What the key needs around it is there.
std::string document_with(const std::string& path, const std::string& value);
/// The same without the key.
std::string document_without(const std::string& path);

std::string read_text(const std::string& path);
std::vector<std::string> split(const std::string& text, const std::string& separator);

}  // namespace reseat::config
