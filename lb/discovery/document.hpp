// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/assignment.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The format of endpoints for files, commands and streams: docs/sources.md.
namespace reseat::lb {

/// A line of a stream, or a document that a command prints, has at most so many bytes.
inline constexpr std::size_t kMaxDocument = 16 * 1024 * 1024;

/// What is wrong with a document, and where: "/endpoints/3/address" is a JSON pointer (RFC 6901) without
/// escapes, of which an index is a number.
struct DocumentFault {
    std::string pointer;
    std::string message;

    bool operator==(const DocumentFault&) const = default;
};

/// Whether a key that is not known is a fault: in a file, where it may be a mistake; not in a stream, so that
/// both sides may grow.
enum class UnknownKeys { refused, ignored };

struct Document {
    std::vector<SourcedEndpoint> endpoints;
    std::vector<DocumentFault> faults;  ///< at most 20; not empty: `endpoints` mean nothing
};

/// Reads a whole document: an object with `reseat` and `endpoints`, or a list as in Prometheus' file_sd.
/// Never throws for what `value` is.
Document read_document(const boost::json::value& value, UnknownKeys unknown);

/// The same of JSON text.
Document read_document_text(std::string_view json, UnknownKeys unknown);

/// JSON of at most 16 levels. Nothing: `fault` says why, as in "is not JSON: incomplete JSON".
std::optional<boost::json::value> parse_json(std::string_view text, std::string& fault);

/// One endpoint as an object of the format; what has its default is left out.
boost::json::object endpoint_json(const SourcedEndpoint& endpoint);

}  // namespace reseat::lb
