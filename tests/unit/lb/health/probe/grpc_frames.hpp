// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

/// HTTP/2 as a server writes it (RFC 9113, RFC 7541), for stream 1 and short texts.
namespace reseat::lb::test {

inline std::string frame(char type, char flags, char stream, const std::string& payload) {
    std::string text;
    for (const unsigned shift : {16U, 8U, 0U}) text += static_cast<char>(payload.size() >> shift);
    return text + type + flags + std::string(3, '\0') + stream + payload;
}

inline std::string settings() {
    return frame(4, 0, 0, "");
}

inline std::string headers(const std::vector<std::pair<std::string, std::string>>& fields,
                           bool last = false) {
    std::string block;
    for (const auto& [name, value] : fields) {
        block += '\0';  // literal, not indexed, new name
        for (const auto& text : {name, value}) block += static_cast<char>(text.size()) + text;
    }
    return frame(1, static_cast<char>(last ? 5 : 4), 1, block);
}

inline std::string data(const std::string& payload) {
    return frame(0, 0, 1, payload);
}

/// A HealthCheckResponse.
inline std::string serving(char status) {
    return std::string("\0\0\0\0\2\x08", 6) + status;
}

}  // namespace reseat::lb::test
