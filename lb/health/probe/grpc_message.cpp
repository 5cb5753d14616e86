// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/grpc_exchange.hpp"

/// The two messages of the protocol have one field each, so protobuf is written by hand:
/// https://protobuf.dev/programming-guides/encoding/
namespace reseat::lb {
namespace {

constexpr std::size_t kPrefix = 5;  ///< compressed?, and the length in 4 bytes, most significant first
enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& into, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) into += static_cast<char>(value | 0x80);
    into += static_cast<char>(value);
}

std::optional<std::uint64_t> take_varint(std::string_view& from) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(from.front());
        from.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

bool skip(std::string_view& from, std::uint64_t size) {
    if (size > from.size()) return false;
    from.remove_prefix(static_cast<std::size_t>(size));
    return true;
}

/// A field that we do not know: false where it is none.
bool skip_field(std::string_view& from, unsigned type) {
    switch (type) {
        case kVarint:
            return take_varint(from).has_value();
        case kFixed64:
            return skip(from, 8);
        case kFixed32:
            return skip(from, 4);
        case kBytes: {
            const auto size = take_varint(from);
            return size && skip(from, *size);
        }
        default:
            return false;
    }
}

}  // namespace

std::string encode_health_request(std::string_view service) {
    std::string message;
    if (!service.empty()) {
        message += static_cast<char>(1U << 3 | kBytes);
        put_varint(message, service.size());
        message += service;
    }
    std::string framed(1, '\0');
    for (const unsigned shift : {24U, 16U, 8U, 0U}) framed += static_cast<char>(message.size() >> shift);
    return framed + message;
}

std::optional<std::uint64_t> decode_health_response(std::string_view message) {
    if (message.size() < kPrefix || message[0] != 0) return std::nullopt;
    std::uint64_t size = 0;
    for (std::size_t i = 1; i < kPrefix; ++i) size = size << 8 | static_cast<unsigned char>(message[i]);
    message.remove_prefix(kPrefix);
    if (size != message.size()) return std::nullopt;
    std::uint64_t status = 0;  // what is not there is the default, UNKNOWN
    while (!message.empty()) {
        const auto tag = take_varint(message);
        if (!tag) return std::nullopt;
        if (*tag != (1U << 3 | kVarint)) {
            if (!skip_field(message, *tag & 7)) return std::nullopt;
            continue;
        }
        const auto value = take_varint(message);
        if (!value) return std::nullopt;
        status = *value;
    }
    return status;
}

}  // namespace reseat::lb
