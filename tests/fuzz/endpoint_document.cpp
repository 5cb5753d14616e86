// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"
#include "config/endpoint_file.hpp"
#include "lb/discovery/endpoint_stream.hpp"
#include "lb/discovery/remembered.hpp"
#include "tests/fuzz/targets.hpp"

namespace reseat::fuzz {

void endpoint_document(Bytes input) {
    const std::string_view text = text_of(input);
    const auto check = [](const std::vector<lb::SourcedEndpoint>& endpoints) {
        for (const auto& one : endpoints) {
            require(one.endpoint.port != 0 && one.weight <= 256 && one.level <= lb::kMaxSourceLevel);
            require(printable(one.name) == one.name && printable(one.incarnation) == one.incarnation);
        }
    };
    const lb::Document document = lb::read_document_text(text, lb::UnknownKeys::ignored);
    require(document.faults.size() <= 20);
    if (document.faults.empty()) check(document.endpoints);
    const auto file = config::read_endpoint_file(text, "f");
    if (file.faults.empty()) check(file.endpoints);
    lb::EndpointStream stream;
    stream.on_line(R"({"type": "snapshot", "endpoints": ["10.0.0.1:80"]})");
    stream.on_line(text);
    check(stream.endpoints());
    if (const auto known = lb::read_remembered(text))
        for (const auto& one : *known) check(one.endpoints);
}

}  // namespace reseat::fuzz
